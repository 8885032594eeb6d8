//! The readable logs beside a journal.

use std::io;

use super::super::layout;
use super::{Known, LOG_BYTES_MAX, Projections, Round, keep_changed};
use crate::disk::fs::{self, Mode};
use crate::model::Digest;
use crate::model::journal::entry::{LogExtent, LogFile};

impl Projections {
    pub(super) fn project_log(&mut self, log: LogFile, round: &mut Round<'_>) -> io::Result<()> {
        let (file, expected) = (log.file_name(), round.standing.logs.extent(log));
        let digest = Digest::of(format!("{}/{}", expected.bytes, expected.crc).as_bytes());
        let as_known = self.is_as_known(file, round.home)?;
        if as_known && self.known.get(file).is_some_and(|known| known.content == digest) {
            return Ok(());
        }
        let there = fs::read(round.home, file, LOG_BYTES_MAX)?;
        if there.as_deref().map_or(LogExtent::default(), LogExtent::of) == expected {
            if there.is_none() {
                self.known.insert(file, Known { stat: None, content: digest });
                return Ok(());
            }
            return self.remember(file, digest, round);
        }
        match missing_end(log, there.as_deref().unwrap_or_default(), round) {
            Some((at, text)) => {
                round.home.open(file, Mode::Create)?.write_at(at, text.as_bytes())?;
            }
            None => self.rewrite_log(log, there.as_deref(), as_known, round)?,
        }
        self.remember(file, digest, round)
    }

    /// Writes a whole log again from the journal.
    fn rewrite_log(
        &self,
        log: LogFile,
        there: Option<&[u8]>,
        ours: bool,
        round: &mut Round<'_>,
    ) -> io::Result<()> {
        let whole =
            round.history.log_text(log, round.standing.logs.since, round.snapshot.version)?;
        if let Some(there) = there.filter(|there| !ours && !is_remnant(log, there, &whole, round)) {
            keep_changed(log.file_name(), there, round)?;
        }
        let file = log.file_name();
        match whole.is_empty() {
            true if there.is_some() => round.home.remove(file),
            true => Ok(()),
            false => fs::write_replaceable(round.home, file, whole.as_bytes()).map(drop),
        }
    }
}

/// Returns the missing end of a log and its offset, when the rest of the log is correct.
fn missing_end(log: LogFile, there: &[u8], round: &Round<'_>) -> Option<(u64, String)> {
    let entries = &round.standing.changes.entries;
    (0..entries.len()).find_map(|first| {
        let text: String = entries[first..].iter().flat_map(|entry| entry.text_for(log)).collect();
        let whole = [there, text.as_bytes()].concat();
        (LogExtent::of(&whole) == round.standing.logs.extent(log))
            .then_some((there.len() as u64, text))
    })
}

/// Returns whether a log is the remnant of a crash: a beginning of this cycle's log or of an
/// earlier one. This program writes no zeros into a log.
fn is_remnant(log: LogFile, there: &[u8], whole: &str, round: &Round<'_>) -> bool {
    let begins = |whole: &[u8]| whole.starts_with(there);
    let archived = |cycle: u64| {
        let path = format!("{}/{}", layout::archive(round.history.name, cycle), log.file_name());
        fs::read(round.history.fs, &path, LOG_BYTES_MAX).ok().flatten()
    };
    there.contains(&0)
        || begins(whole.as_bytes())
        || (1..round.snapshot.document.cycle)
            .rev()
            .filter_map(archived)
            .any(|earlier| begins(&earlier))
}
