use super::input::name;
use super::interrupt::interruptible;
use super::output::{BAD, GOOD, WARN};
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// The artifact
    name: String,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Replay { name: name(&self.name)? };
        let replay = async |caller| context.service.replay(arguments, &caller).await;
        let replayed = interruptible(context, replay).await?;
        context.output.answer(&replayed, |page, replayed| {
            let service::Replayed { name, entries, decisions, .. } = replayed;
            for one in &replayed.not_replayable {
                let (from, to, reason) = (one.from, one.to, &one.reason);
                writeln!(page, "{WARN}not replayable{WARN:#} versions {from} to {to}: {reason}")?;
            }
            if let Some(differs) = &replayed.difference {
                let (version, difference) = (differs.version, &differs.difference);
                writeln!(page, "{BAD}differs{BAD:#} version {version}, {}", difference.place)?;
                writeln!(page, "  the journal says {}", difference.recorded)?;
                writeln!(page, "  the rules give   {}", difference.derived)
            } else {
                let said = "every decision that can be replayed is as the rules give it";
                writeln!(page, "{GOOD}agrees{GOOD:#} {name}: {decisions} decisions in {entries} entries; {said}")
            }
        })?;
        if replayed.agrees { Ok(()) } else { Err(Failure::BadNews) }
    }
}
