//! Layer 5: the service as a Model Context Protocol server, in both eras of the protocol: sessions
//! that begin with `initialize` (2024-11-05 to 2025-11-25), and stateless requests (2026-07-28).

pub mod access;
mod approval;
mod arguments;
pub mod elicitation;
pub mod guard;
mod icon;
pub mod notifications;
mod page;
mod progress;
mod prompts;
mod protocol_error;
mod resources;
mod schema;
mod server;
pub mod stdio;
mod streams;
mod tool_result;
mod tools;
#[cfg(feature = "otel")]
mod trace_context;
pub(crate) mod wire;

pub use self::server::Server;
pub use self::tools::ToolSet;
