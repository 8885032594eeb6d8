//! Layer 5: the service as a Model Context Protocol server, in both eras of the protocol: sessions
//! that begin with `initialize` (2024-11-05 to 2025-11-25), and requests that stand by themselves
//! (2026-07-28).

mod arguments;
pub mod changes;
mod gate;
mod page;
mod prompts;
mod resources;
mod schema;
mod server;
pub mod stdio;
mod streams;
mod tools;
pub(crate) mod wire;

pub use self::server::Server;
pub use self::tools::ToolSet;
