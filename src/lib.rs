//! Refiner keeps the state of agent loops, and serves it over the Model Context Protocol.
//!
//! The layers, each of which uses only those above it in this list:
//!
//! - [`model`]: what the state of a loop is and how it changes; pure.
//! - `disk`: the doors to files.
//! - `workspace`: a project's own folder, `.refiner`.
//! - [`checks`]: how constraints are measured; beside storage, and knows only the model.
//! - `storage`: where entries are kept, so that an acknowledged one cannot be lost.
//! - `hooks`: what is done about what happened to a loop.
//! - `service`: the one place that decides what is done.
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
