//! The limits on everything that a caller can make large. Each is named in the refusal that it
//! causes, and in README.md.

/// The highest version: whole numbers up to here are the same in every JSON parser (RFC 8259, 6).
pub const VERSION_MAX: u64 = 1 << 53;

/// Bytes of a whole document in its canonical JSON form.
pub const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Levels of objects and arrays in a document. serde_json reads no more than 128, and answers wrap
/// the document in a few levels of their own.
pub const DOCUMENT_DEPTH_MAX: usize = 64;

/// Bytes of one message, as a line on stdio and as a body over HTTP: the default of the MCP SDKs on stdio,
/// and more than a document that is saved whole.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Bytes above which a payload of an entry is stored as a blob instead of in the entry's line.
pub const INLINE_PAYLOAD_BYTES_MAX: usize = 64 << 10;

/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARACTERS_MAX: usize = 128;

/// Operations of an artifact whose idempotency keys are remembered.
pub const IDEMPOTENCY_KEYS_REMEMBERED: u64 = 1024;

/// Characters of a note, a label, a reason or a summary.
pub const TEXT_CHARACTERS_MAX: usize = 4096;

/// Characters of a client's name and version as kept in the journal.
pub const ACTOR_CHARACTERS_MAX: usize = 128;

/// Goals of an artifact.
pub const GOALS_MAX: usize = 100;

/// Constraints of an artifact.
pub const CONSTRAINTS_MAX: usize = 200;

/// Components of a composite artifact.
pub const COMPONENTS_MAX: usize = 20;

/// What `max_iterations` may be set to.
pub const ITERATIONS_MAX: u32 = 1000;

/// Default number of iterations of a loop.
pub const ITERATIONS_DEFAULT: u32 = 5;

/// Checkpoints and iterations that a document lists. Older ones are in the journal, and a
/// checkpoint's id leads to its version however old it is.
pub const LISTED_MAX: usize = 100;

/// Files of a `dist/` folder that are listed and measured.
pub const OUTPUTS_MAX: usize = 1000;

/// Files of a work in the project's own folders. A larger work is refused.
pub const WORK_FILES_MAX: usize = 100_000;

/// Bytes of a work in the project's own folders. A larger work is refused.
pub const WORK_BYTES_MAX: u64 = 4 << 30;

/// Globs that say which files of the project are the work.
pub const WORK_GLOBS_MAX: usize = 100;

/// Characters of one of these globs.
pub const WORK_GLOB_CHARACTERS_MAX: usize = 400;

/// Files that one constraint protects.
pub const PROTECTED_FILES_MAX: usize = 200;

/// Files of a work in the project's own folders whose contents the journal keeps. Of a work with
/// more it has one digest.
pub const INVENTORY_FILES_KEPT_MAX: usize = 10_000;

/// Bytes of a work in the project's own folders whose contents the journal keeps.
pub const INVENTORY_BYTES_KEPT_MAX: u64 = 256 << 20;

/// Bytes of a file with rules of what git ignores, and of a reference of a git repository.
pub const GIT_FILE_BYTES_MAX: u64 = 1 << 20;

/// Bytes of an output that is read, measured and kept.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// Bytes of a document or of selected parts in one answer, about 20,000 tokens.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Bytes of an output that is read as one resource, which the host takes and not the model. A whole
/// document is no larger.
pub const RESOURCE_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

/// Bytes of a rendered prompt.
pub const PROMPT_BYTES_MAX: usize = 60 << 10;

/// Items of one page of a listing.
pub const PAGE_MAX: usize = 100;

/// Bytes of a file that a check reads. Of a larger one it knows the size only.
pub const CHECKED_FILE_BYTES_MAX: u64 = OUTPUT_BYTES_MAX as u64;

/// Files that one check looks at.
pub const CHECKED_FILES_MAX: usize = OUTPUTS_MAX;

/// Bytes that one run of a check reads.
pub const CHECKED_BYTES_MAX: u64 = 256 << 20;

/// Characters of what a check says about what it found.
pub const FINDING_CHARACTERS_MAX: usize = 600;

/// Tokens of a user, of all workspaces together.
pub const TOKENS_MAX: usize = 1000;

/// Days after which a token is over at the latest, unless it never is.
pub const TOKEN_DAYS_MAX: i64 = 3650;
