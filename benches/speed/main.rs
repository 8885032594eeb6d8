//! Speed, as ratios that were measured in one run: `cargo bench`.
//!
//! Absolute figures move with the machine and with what else it does, so everything is measured
//! against something plain that does the same work, in turns: a tool server of the same SDK that
//! does nothing, and a file that is appended to and flushed. The table says what holds; nothing
//! fails. A second table has what a user would take instead of Refiner.
//!
//! `REFINER_BENCH_QUICK=1` takes a tenth of the history and fewer rounds. `REFINER_BENCH_JSON` and
//! `REFINER_BENCH_PICTURE` name files that the figures are also written to. `cargo test` has a glance
//! at everything, to see that it can be measured.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

mod bare;
mod chart;
mod client;
mod footprint;
mod http;
mod http_client;
mod large;
mod latency;
mod place;
mod raw;
mod rivals;
mod sampling;
mod systems;
mod table;
mod throughput;

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use self::place::Place;
use self::rivals::Played;
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
    /// Saves on each of many artifacts, before memory is looked at.
    saves_on_many: usize,
    /// Paragraphs of a large document, and one-word edits of a long text.
    paragraphs: usize,
    edits: usize,
    /// Versions after which Refiner is compared with others, and how often they take turns there.
    versions: &'static [usize],
    turns_of_rivals: usize,
}

const FULL: Scale = Scale {
    calls: 2_000,
    history: 100_000,
    turns: 7,
    transaction: Duration::from_millis(1_000),
    starts: 40,
    saves_on_many: 1_000,
    paragraphs: 4_096,
    edits: 300,
    versions: &[10, 1_000, 10_000],
    turns_of_rivals: 3,
};

const QUICK: Scale = Scale {
    calls: 500,
    history: 10_000,
    turns: 3,
    transaction: Duration::from_millis(500),
    starts: 10,
    saves_on_many: 100,
    versions: &[10, 1_000],
    turns_of_rivals: 1,
    ..FULL
};

const GLANCE: Scale = Scale {
    calls: 1,
    history: 1_000,
    turns: 1,
    transaction: Duration::from_millis(20),
    starts: 1,
    saves_on_many: 2,
    paragraphs: 40,
    edits: 3,
    versions: &[10],
    turns_of_rivals: 1,
};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(bare::ARGUMENT) => bare::serve(),
        Some(bare::HTTP_ARGUMENT) => bare::serve_http(),
        Some("--bench") if std::env::var_os("REFINER_BENCH_QUICK").is_some() => compare(QUICK),
        Some("--bench") => compare(FULL),
        // `cargo test` with words looks for tests of that name.
        Some(_) => Ok(()),
        None => glance(),
    }
}

/// Everything that a run measured.
#[derive(Debug)]
struct Measured {
    rows: Vec<Row>,
    played: Vec<Played>,
}

/// Measures everything once, which shows that it can be, and says nothing about speed.
fn glance() -> Result<()> {
    let measured = measure(&Place::new()?, GLANCE)?;
    chart::svg(&measured);
    println!("All {} rows of the table can be measured.", measured.rows.len());
    println!("{}", rivals::table(&measured.played));
    Ok(())
}

fn compare(scale: Scale) -> Result<()> {
    let start = Instant::now();
    let place = Place::new()?;
    println!("In {place}, with {scale:?}");
    let measured = measure(&place, scale)?;
    println!("\n{}\n{}", table::text(&measured.rows), rivals::table(&measured.played));
    write_to("REFINER_BENCH_JSON", || measured.json(&place).to_string())?;
    write_to("REFINER_BENCH_PICTURE", || chart::svg(&measured))?;
    println!("Measured in {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

fn measure(place: &Place, scale: Scale) -> Result<Measured> {
    let mut rows = latency::rows(place, scale)?;
    rows.extend(http::rows(place, scale)?);
    rows.extend(throughput::rows(place, scale)?);
    rows.extend(large::rows(place, scale)?);
    rows.extend(footprint::rows(place, scale)?);
    Ok(Measured { rows, played: rivals::play(place, scale) })
}

impl Measured {
    fn json(&self, place: &Place) -> Value {
        json!({
            "place": place.to_string(),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "rivals": self.played.iter().map(Played::json).collect::<Vec<_>>(),
        })
    }
}

/// Writes a text to the file that a variable names.
fn write_to(variable: &str, text: impl FnOnce() -> String) -> Result<()> {
    match std::env::var_os(variable) {
        Some(file) => Ok(File::create(file)?.write_all((text() + "\n").as_bytes())?),
        None => Ok(()),
    }
}

/// Says what is being done, since a run takes a minute or two.
fn say(what: &str) {
    eprintln!("… {what}");
}
