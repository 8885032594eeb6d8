//! One test binary for everything that needs the real program: real processes, real pipes, real
//! files, and a real MCP client at the other end.
//!
//! What can be shown on a lower layer is shown there: the model's rules and the storage's crash
//! cases have their tests beside the code.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and put into a workspace by hand what nobody should"
)]

mod answers;
mod bad_input;
#[cfg(target_os = "linux")]
mod calls;
mod certificate;
mod cli;
mod clients;
mod common;
mod conformance;
mod container;
mod crash;
mod damage;
mod docs;
mod exchange;
mod formats;
#[cfg(target_os = "linux")]
mod fuzz;
mod gate;
mod hooks;
#[cfg(target_os = "linux")]
mod hostile;
mod http;
mod import;
mod install;
#[cfg(target_os = "linux")]
mod load;
mod older;
mod packages;
mod pmpo;
mod progress;
mod resources;
#[cfg(target_os = "linux")]
mod scale;
mod stdio;
mod tidy;
mod trace;
mod trust;
