//! Layer 1: what the state of a loop is and how it changes.
//!
//! Everything here is pure and synchronous. No function of this module touches a file, a clock, a
//! source of randomness, the environment or an async runtime: time and ids are passed in, so that
//! every run can be replayed and every test is deterministic.
#![warn(missing_docs)]

pub mod certificate;
pub mod digest;
pub mod document;
pub mod guess;
pub mod invisible;
pub mod journal;
pub mod limits;
pub mod name;
pub mod refusal;
pub mod schema;
pub mod text;
pub mod time;
pub mod token;
pub mod visible;
pub mod workflow;

pub use digest::Digest;
pub use document::Document;
pub use journal::entry::{Draft, Entry};
pub use journal::journal_id::JournalId;
pub use journal::{Snapshot, Transaction};
pub use name::Name;
pub use refusal::Refusal;
pub use time::Time;
pub use workflow::Workflow;

/// The number of an entry in its artifact's journal: 1 for the first, without gaps, never reused.
///
/// 0 stands for "nothing written yet".
pub type Version = u64;
