//! Layer 1: access to the disk. No other part of the program opens a file.
//!
//! - `fs::Fs` is the door to a workspace: `real::Disk` on a real disk, and a simulated
//!   disk in the crash tests.
//! - [`regular`] reads and writes the user's own files, [`UserFolder`] those of their configuration,
//!   [`StateFolder`] their secrets.
//! - [`ConfigurationFile`] is a file of another program, [`UntrustedDir`] a folder that is only read,
//!   [`StagedDir`] a folder that is made for others.
//! - [`Repository`] reads which commit of the project is checked out.

mod configuration_file;
pub(crate) mod distrust;
#[cfg_attr(not(unix), path = "folder_portable.rs")]
mod folder;
pub(crate) mod fs;
pub(crate) mod lock;
mod open_file;
pub(crate) mod real;
pub mod regular;
mod repository;
pub(crate) mod sabotage;
#[cfg(test)]
pub(crate) mod simulated;
mod staged_dir;
mod state_folder;
mod status;
mod untrusted_dir;
mod user_folder;

pub use self::configuration_file::ConfigurationFile;
pub use self::distrust::Owners;
pub use self::repository::Repository;
pub use self::staged_dir::StagedDir;
pub use self::state_folder::StateFolder;
pub use self::untrusted_dir::{Kind, NOT_FOLLOWED, Parts, UntrustedDir};
pub use self::user_folder::UserFolder;

/// The workspace's folder in a project.
pub const WORKSPACE: &str = ".refiner";
