//! Layer 1: what the state of a loop is and how it changes.
//!
//! Everything here is pure and synchronous. No function of this module touches a file, a clock, a
//! source of randomness, the environment or an async runtime: time and ids are passed in, so that
//! every run can be replayed and every test is deterministic.
#![warn(missing_docs)]

pub mod approval;
pub mod approval_binding;
pub mod briefing;
pub mod checkpoint;
pub mod component;
pub mod constraint;
pub mod digest;
pub mod document;
pub mod domain;
pub mod entry;
pub mod examination;
pub mod facts;
pub mod frame;
pub mod guard;
pub mod guide;
pub mod idempotency;
pub mod inference;
pub mod iteration;
pub mod journal;
pub mod journal_id;
pub mod lifecycle;
pub mod limits;
pub mod manifest;
pub mod name;
pub mod output;
pub mod patch;
pub mod projection;
pub mod prompt;
pub mod question;
pub mod refusal;
pub mod removal;
pub mod schema;
pub mod sections;
pub mod step;
pub mod taxonomy;
pub mod template;
pub mod text;
pub mod time;
pub mod token;
pub mod visible;
pub mod workflow;

pub use digest::Digest;
pub use document::Document;
pub use entry::{Draft, Entry};
pub use journal::{Snapshot, Transaction};
pub use journal_id::JournalId;
pub use name::Name;
pub use refusal::Refusal;
pub use time::Time;
pub use workflow::Workflow;

/// The number of an entry in its artifact's journal: 1 for the first, without gaps, never reused.
///
/// 0 stands for "nothing written yet".
pub type Version = u64;
