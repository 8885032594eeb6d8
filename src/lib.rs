//! Refiner stores the state of agent loops durably and serves it over the Model Context Protocol.
//!
//! The layers. Each uses only the layers above it in this list:
//!
//! - [`model`]: the state of a loop and its changes, without I/O.
//! - `disk`: access to files.
//! - `workspace`: a project's own folder, `.refiner`.
//! - [`checks`]: the measurement of constraints. It depends only on the model.
//! - `storage`: durable storage of entries. An acknowledged entry is never lost.
//! - `hooks`: actions on the lifecycle events of a loop.
//! - `service`: the operations and their rules.
//! - `mcp`: the service over the Model Context Protocol.
//! - [`http`]: any MCP server over HTTP.
//! - `cli`: the service as a command line, which starts the others.

pub mod checks;
pub mod cli;
pub mod disk;
pub mod hooks;
pub mod http;
pub mod mcp;
pub mod model;
pub mod service;
pub mod storage;
pub mod workspace;
