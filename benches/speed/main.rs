//! Speed, as ratios that were measured in one run: `cargo bench`.
//!
//! Absolute figures move with the machine and with what else it does, so everything is measured
//! against something plain that does the same work, in turns: a tool server of the same SDK that
//! does nothing, and a file that is appended to and flushed. The table says what holds; nothing
//! fails. `REFINER_BENCH_QUICK=1` takes a tenth of the history and fewer rounds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

mod bare;
mod client;
mod footprint;
mod latency;
mod place;
mod raw;
mod sampling;
mod table;
mod throughput;

use std::time::{Duration, Instant};

use anyhow::Result;

use self::place::Place;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Calls of each kind of which the median counts.
    calls: usize,
    /// Entries of the journal that is called long.
    history: usize,
    /// How often those who write at once take turns, and for how long.
    turns: usize,
    turn: Duration,
    /// Processes that are started.
    starts: usize,
}

const FULL: Scale = Scale {
    calls: 2_000,
    history: 100_000,
    turns: 7,
    turn: Duration::from_millis(1_000),
    starts: 40,
};

const QUICK: Scale =
    Scale { calls: 500, history: 10_000, turns: 3, turn: Duration::from_millis(500), starts: 10 };

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == bare::ARGUMENT) {
        return bare::serve();
    }
    match arguments.iter().any(|argument| argument == "--bench") {
        true => measure(),
        // `cargo test --all-targets` runs benchmarks too, and this is no test.
        false => Ok(()),
    }
}

fn measure() -> Result<()> {
    let start = Instant::now();
    let scale = if std::env::var_os("REFINER_BENCH_QUICK").is_some() { QUICK } else { FULL };
    let place = Place::new()?;
    println!("In {place}, with {scale:?}");
    let mut rows = latency::rows(&place, scale)?;
    rows.extend(throughput::rows(&place, scale)?);
    rows.extend(footprint::rows(&place, scale)?);
    println!("\n{}", table::text(&rows));
    println!("Measured in {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

/// Says what is being done, since a run takes a minute or two.
fn say(what: &str) {
    eprintln!("… {what}");
}
