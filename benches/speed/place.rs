//! Where a run takes place: a fresh folder on the disk that holds the build.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::bare;
use super::client::Client;

/// A fresh folder.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { folder: TempDir::with_prefix_in("speed-", env!("CARGO_TARGET_TMPDIR"))? })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts `refiner serve` here.
    pub(crate) fn refiner(&self) -> Result<Client> {
        Ok(self.start_refiner()?.0)
    }

    /// The same, and how long it took until it had listed its tools.
    pub(crate) fn start_refiner(&self) -> Result<(Client, Duration)> {
        Client::start(&mut self.refiner_command())
    }

    /// Returns what starts `refiner serve` here.
    pub(crate) fn refiner_command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refiner"));
        command.env("XDG_STATE_HOME", self.path().join(".state"));
        command.arg("--dir").arg(self.path()).arg("serve");
        command
    }

    /// Starts the server that does nothing.
    pub(crate) fn bare(&self) -> Result<Client> {
        Ok(self.start_bare()?.0)
    }

    /// The same, and how long it took until it had listed its tools.
    pub(crate) fn start_bare(&self) -> Result<(Client, Duration)> {
        Client::start(&mut self.bare_command(bare::ARGUMENT)?)
    }

    /// Returns what starts the server that does nothing.
    pub(crate) fn bare_command(&self, argument: &str) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(argument).current_dir(self.path());
        Ok(command)
    }

    /// Returns where an artifact is.
    pub(crate) fn artifact(&self, artifact: &str) -> PathBuf {
        self.path().join(".refiner/artifacts").join(artifact)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = match is_memory(self.path()) {
            Some(true) => "in memory (tmpfs), where a flush costs nothing: set CARGO_TARGET_DIR",
            Some(false) => "on a disk, not in memory (tmpfs)",
            None => "perhaps on a disk",
        };
        write!(f, "a fresh folder {disk}")
    }
}

/// Returns whether a folder is kept in memory, where flushes cost nothing and prove nothing.
#[cfg(target_os = "linux")]
fn is_memory(folder: &Path) -> Option<bool> {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    let kind = u64::try_from(rustix::fs::statfs(folder).ok()?.f_type).ok()?;
    Some(matches!(kind, TMPFS | RAMFS))
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_: &Path) -> Option<bool> {
    None
}
