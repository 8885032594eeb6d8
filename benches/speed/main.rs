//! Speed, as ratios that were measured in one run: `cargo bench`.
//!
//! Absolute figures move with the machine and with what else it does, so everything is measured
//! against something plain that does the same work, in turns: a tool server of the same SDK that
//! does nothing, and a file that is appended to and flushed. The table says what holds; nothing
//! fails. `REFINER_BENCH_QUICK=1` takes a tenth of the history and fewer rounds. `cargo test` has a
//! glance at everything, to see that it can be measured.
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
use self::table::Row;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Scale {
    /// Calls of each kind of which the median counts.
    calls: usize,
    /// Entries of the journal that is called long.
    history: usize,
    /// How often those who write at once take turns, and for how long.
    turns: usize,
    transaction: Duration,
    /// Processes that are started.
    starts: usize,
}

const FULL: Scale = Scale {
    calls: 2_000,
    history: 100_000,
    turns: 7,
    transaction: Duration::from_millis(1_000),
    starts: 40,
};

const QUICK: Scale = Scale {
    calls: 500,
    history: 10_000,
    turns: 3,
    transaction: Duration::from_millis(500),
    starts: 10,
};

const GLANCE: Scale =
    Scale { calls: 1, history: 1_000, turns: 1, transaction: Duration::from_millis(20), starts: 1 };

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(bare::ARGUMENT) => bare::serve(),
        Some("--bench") if std::env::var_os("REFINER_BENCH_QUICK").is_some() => compare(QUICK),
        Some("--bench") => compare(FULL),
        // `cargo test` with words looks for tests of that name.
        Some(_) => Ok(()),
        None => glance(),
    }
}

/// Measures everything once, which shows that it can be, and says nothing about speed.
fn glance() -> Result<()> {
    let rows = measure(&Place::new()?, GLANCE)?;
    println!("All {} rows of the table can be measured.", rows.len());
    Ok(())
}

fn compare(scale: Scale) -> Result<()> {
    let start = Instant::now();
    let place = Place::new()?;
    println!("In {place}, with {scale:?}");
    println!("\n{}", table::text(&measure(&place, scale)?));
    println!("Measured in {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

fn measure(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    let mut rows = latency::rows(place, scale)?;
    rows.extend(throughput::rows(place, scale)?);
    rows.extend(footprint::rows(place, scale)?);
    Ok(rows)
}

/// Says what is being done, since a run takes a minute or two.
fn say(what: &str) {
    eprintln!("… {what}");
}
