//! Taking a journal as it is, whose end is in doubt.

use super::super::fault::Fault;
use super::super::projections::Copies;
use super::locking::release;
use super::{Artifact, ArtifactState, Open};
use crate::storage::DecideDoubt;
use crate::storage::filesystem::writer::Writer;

impl Artifact {
    /// Takes the journal as it is. Returns `None` without a doubt, or where `decide` drafts nothing.
    pub(in super::super) fn accept(
        &self,
        decide: &mut DecideDoubt,
    ) -> Result<Option<ArtifactState>, Fault> {
        let mut open = self.hold();
        // Opened anew: other processes may have accepted it meanwhile.
        open.close();
        let lock = self.acquire(&mut open, false)?;
        let stored = self.store_accepted(&mut open, decide, lock.length);
        release(lock, open.writer.as_ref());
        *self.published.lock() = None;
        if !stored.inspect_err(|_| open.close())? {
            open.close();
            return Ok(None);
        }
        open.began = true;
        let warnings = self.project(&mut open, Copies::Follow);
        let state_file = self.state_file(&open, Copies::Follow);
        self.confirm(&mut open)?;
        Ok(self.publish(&mut open, state_file, warnings))
    }

    /// Returns whether an entry was stored. The caller holds the lock.
    fn store_accepted(
        &self,
        open: &mut Open,
        decide: &mut DecideDoubt,
        length: u64,
    ) -> Result<bool, Fault> {
        self.keep_up(open, length)?;
        self.check_newest(open)?;
        open.read_only.clone().map_or(Ok(()), |reason| Err(Fault::ReadOnly(reason)))?;
        open.locked_at = open.writer.as_ref().map_or(0, Writer::version);
        let Some(mut writer) = open.writer.take() else { return Ok(false) };
        let Some(doubt) = writer.accept()? else { return Ok(false) };
        let mut transaction = writer.transaction();
        decide(&mut transaction, &doubt);
        let staged = transaction.into_staged();
        if staged.is_empty() {
            return Ok(false);
        }
        let mut writer = writer.write(staged, self.sizes)?;
        writer.flush()?;
        open.writer = Some(writer);
        Ok(true)
    }
}
