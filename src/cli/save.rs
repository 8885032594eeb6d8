use super::consent::{PendingDecision, with_person};
use super::input::name;
use super::output::briefing;
use super::write_options::WriteOptions;
use super::{Context, Failure, input};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Save {
    /// The artifact
    name: String,
    /// A merge patch: JSON, @FILE or -; null removes a field
    #[arg(long, value_name = "JSON", required_unless_present_any = ["state", "accept_protected"])]
    patch: Option<String>,
    /// Whole fields to replace: JSON, @FILE or -
    #[arg(long, value_name = "JSON", conflicts_with = "patch")]
    state: Option<String>,
    /// Accept the files that constraints protect as they are now; asks you
    #[arg(long)]
    accept_protected: bool,
    /// The reason, recorded in the history
    #[arg(long)]
    note: Option<String>,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Save {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Save {
            name: name(&self.name)?,
            patch: self.patch.map(|patch| input::object("--patch", &patch)).transpose()?,
            state: self.state.map(|state| input::object("--state", &state)).transpose()?,
            note: self.note,
            accept_protected: self.accept_protected,
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let save = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let pending = PendingDecision {
            name: &arguments.name,
            event: None,
            words: arguments.note.as_deref(),
        };
        let answer = with_person(context, &pending, save).await?;
        context.output.warn(&answer.briefing);
        if !answer.changed {
            context.output.say("Nothing changed.");
        }
        context.output.answer(&answer, |page, answer| {
            if answer.changed {
                writeln!(page, "saved as version {}", answer.version)?;
            }
            briefing(page, &answer.briefing)
        })
    }
}
