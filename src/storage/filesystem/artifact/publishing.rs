//! What callers see of an artifact, with the warnings that stand.

use std::sync::Arc;

use super::super::copy;
use super::super::witness::Elsewhere;
use super::super::writer::Writer;
use super::super::{Newest, Tombstone};
use super::{Artifact, ArtifactState, Open, Published, damage_warning};
use crate::disk::fs::Stat;
use crate::model::Version;
use crate::storage::timings::Timings;

impl Artifact {
    pub(super) fn publish(
        &self,
        open: &mut Open,
        state_file: Option<Stat>,
        mut warnings: Vec<String>,
    ) -> Option<ArtifactState> {
        let writer = open.writer.as_ref()?;
        let journal = writer.standing().journal;
        let seen = open.seen.replace((journal, writer.version()));
        let lost = seen.filter(|(id, _)| id.is_some() && *id != journal);
        warnings.extend(lost.map(|(_, version)| lost_warning(version)));
        let standing = self.standing_warnings(open, writer);
        let segment = writer.segment();
        let unfinished = writer.tombstone().is_some() && !warnings.is_empty();
        warnings.extend(standing.iter().cloned());
        self.testify(writer, &mut open.testified, std::mem::take(&mut open.began));
        let stands = |warnings: Vec<String>, timings| match (writer.newest(), writer.tombstone()) {
            (Some(snapshot), _) => Some(ArtifactState::Alive(Newest {
                snapshot: Arc::clone(snapshot),
                warnings,
                timings,
            })),
            (None, Some(removed)) => Some(ArtifactState::Deleted(Tombstone { removed, warnings })),
            (None, None) => None,
        };
        if unfinished {
            // An unfinished removal stays unpublished, so the next read tries to finish it.
            *self.published.lock() = None;
            return stands(warnings, open.timings);
        }
        *self.published.lock() = Some(Published {
            standing: stands(standing, Timings::default())?,
            segment: segment.open.clone(),
            end: segment.end,
            next: writer.version() + 1,
            state_file,
        });
        stands(warnings, open.timings)
    }

    fn standing_warnings(&self, open: &Open, writer: &Writer) -> Vec<String> {
        let damage = writer.damage().map(damage_warning);
        let read_only = open.read_only.as_ref();
        let read_only = read_only.map(|reason| format!("the workspace is read-only: {reason}"));
        let other = writer.other_copy().map(copy::other_warning);
        let older = open.elsewhere.as_ref().map(|one| older_warning(one, writer.version()));
        [damage, read_only, other, older].into_iter().flatten().collect()
    }
}

fn lost_warning(version: Version) -> String {
    format!(
        "the journal that this process read up to version {version} was removed, and a new journal is in its place"
    )
}

fn older_warning(elsewhere: &Elsewhere, version: Version) -> String {
    let Elsewhere { project, version: newer } = elsewhere;
    format!(
        "this is an older copy: it branched off at or before version {version}, and {project} has version {newer} of this journal"
    )
}
