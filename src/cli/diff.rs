use serde_json::{Map, Value};

use super::input::name;
use super::{Context, Failure};
use crate::model::Version;
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// The artifact
    name: String,
    /// The earlier version
    from: Version,
    /// The later version
    to: Version,
}

impl Diff {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let diff = Some(vec![self.from, self.to]);
        let arguments =
            service::History { name: name(&self.name)?, after: None, limit: None, diff };
        let answer = context.service.run(arguments, &context.caller).await?;
        answer.briefing.iter().for_each(|briefing| context.output.warn(briefing));
        if answer.diff.as_ref().is_some_and(Vec::is_empty) {
            context.output.say("The versions do not differ.");
        }
        context.output.answer(&answer, |page, answer| {
            answer
                .diff
                .iter()
                .flatten()
                .try_for_each(|operation| writeln!(page, "{}", line(operation)))
        })
    }
}

/// Formats an operation of the patch on one line: sign, path, value.
fn line(operation: &Map<String, Value>) -> String {
    let text = |field: &str| operation.get(field).and_then(Value::as_str).unwrap_or_default();
    let sign = match text("op") {
        "add" => "+",
        "remove" => "-",
        _ => "~",
    };
    match operation.get("value") {
        Some(value) => format!("{sign} {} {value}", text("path")),
        None => format!("{sign} {}", text("path")),
    }
}
