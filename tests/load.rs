//! Many requests and many idle subscriptions over HTTP. Each takes a while and wants the machine for
//! itself, so `scripts/test` runs them after the others:
//! `cargo test --test main load -- --ignored --nocapture --test-threads 1`.
//!
//! Nothing depends on how fast the machine is: rates and times are printed, and what fails is an
//! error, a lost write, or memory that grows.

mod client;
mod requests;
mod subscriptions;

use std::time::Duration;

/// The value that so many per cent of all do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}
