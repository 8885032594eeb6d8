//! Refiner keeps the state of agent loops, and serves it over the Model Context Protocol.
//!
//! The layers, each of which uses only those above it in this list:
//!
//! - [`model`]: what the state of a loop is and how it changes; pure.
//! - [`checks`]: how constraints are measured; beside storage, and knows only the model.
//! - `storage`: where entries are kept, so that an acknowledged one cannot be lost.
//! - `hooks`: what is done about what happened to a loop.
//! - `service`: the one place that decides what is done.
//! - `mcp` and `cli`: the faces.

pub mod checks;
pub mod cli;
pub mod hooks;
pub mod mcp;
pub mod model;
pub mod service;
pub mod storage;
