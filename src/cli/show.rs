use super::input::name;
use super::output::briefing;
use super::{Context, Failure};
use crate::service::{self, Detail};

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The artifact
    name: String,
    /// An earlier version or a checkpoint id
    #[arg(long, value_name = "VERSION")]
    at: Option<String>,
    /// A JSON Pointer into the document; may be repeated
    #[arg(long, value_name = "POINTER")]
    select: Vec<String>,
    /// The whole document
    #[arg(long)]
    full: bool,
    /// The prompt of the current phase
    #[arg(long)]
    prompt: bool,
}

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let whole_parts = self.full || !self.select.is_empty() || self.at.is_some();
        let arguments = service::Load {
            name: name(&self.name)?,
            at: self.at,
            select: Some(self.select).filter(|select| !select.is_empty()),
            detail: Some(if self.full { Detail::Full } else { Detail::Brief }),
            with_prompt: self.prompt.then_some(true),
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            if let Some(prompt) = &answer.prompt {
                return writeln!(page, "{prompt}");
            }
            let parts = answer.selected.as_ref().or(answer.document.as_deref());
            if !whole_parts {
                briefing(page, &answer.briefing)?;
            }
            match parts {
                Some(parts) => writeln!(page, "{}", serde_json::to_string_pretty(parts)?),
                None => Ok(()),
            }
        })
    }
}
