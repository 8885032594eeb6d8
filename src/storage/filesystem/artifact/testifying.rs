//! What the witness says of a journal, and what it is told.

use super::super::history::History;
use super::super::witness::{Replaces, Testimony};
use super::super::writer::{JournalState, Writer};
use super::{Artifact, Open};

impl Artifact {
    /// Compares a journal that was just opened with what the witness knows. One that contradicts it is
    /// read-only from then on.
    pub(super) fn hear(&self, open: &mut Open, mut writer: Writer) -> Writer {
        if let Some(known) = self.witness.testimony(&self.name) {
            let history = History::new(self.fs.as_ref(), &self.name);
            if let Some(damage) = known.contradiction(&testimony_of(&writer), &history) {
                writer.doubt(damage, known.version);
            }
        }
        open.elsewhere = self.witness.elsewhere(&self.name, &testimony_of(&writer));
        writer
    }

    /// Returns whether the witness knows exactly this state, or nothing of the artifact, and of no newer
    /// one at another path.
    pub(super) fn confirms(&self, state: &Testimony) -> bool {
        if self.witness.elsewhere(&self.name, state).is_some() {
            return false;
        }
        let known = self.witness.testimony(&self.name);
        if known.is_none() {
            self.witness.note(&self.name, state.clone());
        }
        known.is_none_or(|known| known == *state)
    }

    /// Tells the witness what an answer gives. `told` is what it was told last.
    pub(super) fn testify(&self, writer: &Writer, told: &mut Option<Testimony>, began: bool) {
        let testimony = testimony_of(writer);
        if writer.damage().is_some() || testimony.version == 0 || told.as_ref() == Some(&testimony)
        {
            return;
        }
        if began {
            // At once: what is known of another journal must not contradict this one.
            self.witness.write(&self.name, &testimony, Replaces::Any);
        } else {
            self.witness.note(&self.name, testimony.clone());
        }
        *told = Some(testimony);
    }
}

fn testimony_of(writer: &Writer) -> Testimony {
    let JournalState { journal, version, line, .. } = writer.standing();
    Testimony { journal, version, line }
}
