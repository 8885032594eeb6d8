//! What a change of one word costs in a large document and in a long text.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::client::Client;
use super::place::Place;
use super::sampling::{median, medians};
use super::table::{Bound, Row, microseconds};
use super::{Scale, say};

/// Bytes of a paragraph, and paragraphs of a small document.
const PARAGRAPH_BYTES: usize = 1_000;
const FEW: usize = 4;
const MEGABYTE: f64 = 1e6;

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    say("small changes of large documents");
    Ok(vec![one_word(place, scale)?, edits(place, scale)?])
}

/// Measures a save that changes one word. The server writes `state.json` whole at every change and
/// logs the time that it takes; the row leaves that time out.
fn one_word(place: &Place, scale: Scale) -> Result<Row> {
    let log = place.path().join("large.log");
    let mut command = place.refiner_command();
    command.env("RUST_LOG", "refiner=info").stderr(File::create(&log)?);
    let mut refiner = Client::start(&mut command)?.0;
    open(&mut refiner, "large", scale.paragraphs)?;
    open(&mut refiner, "small", FEW)?;
    let calls = RefCell::new((&mut refiner, 0));
    let save = |artifact: &str| {
        let (refiner, count) = &mut *calls.borrow_mut();
        *count += 1;
        let text = paragraph(0, *count);
        let patch = format!("{{\"data\":{{\"text\":{{\"p0000\":\"{text}\"}}}}}}");
        refiner.call("save_state", &format!("{{\"name\":\"{artifact}\",\"patch\":{patch}}}"))
    };
    let calls_max = scale.calls / 20;
    let [large, small] = medians(calls_max.max(1), [&mut || save("large"), &mut || save("small")])?;
    drop(refiner);
    let (of_large, of_small) = (projection(&log, "large")?, projection(&log, "small")?);
    let text = |all, projection| {
        format!("{} + projection {}", microseconds(all), microseconds(projection))
    };
    let (large, small) = (large.saturating_sub(of_large), small.saturating_sub(of_small));
    Ok(Row {
        what: format!("one word of {} KB, p50", scale.paragraphs * PARAGRAPH_BYTES / 1_000),
        measured: text(large, of_large),
        baseline: format!("of {FEW} KB {}", text(small, of_small)),
        ratio: Some(large.as_secs_f64() / small.as_secs_f64()),
        bound: Bound::AtMost(4.0),
    })
}

/// Returns the median of what a server logged as its time for readable copies of an artifact.
fn projection(log: &Path, artifact: &str) -> Result<Duration> {
    let log = fs::read_to_string(log)?;
    let of_artifact =
        log.lines().filter(|line| line.contains(&format!(" artifact=\"{artifact}\"")));
    let micros =
        |line: &str| line.split("projection_us=").nth(1)?.split([' ', '}']).next()?.parse().ok();
    let mut times: Vec<_> = of_artifact.filter_map(micros).map(Duration::from_micros).collect();
    ensure!(!times.is_empty(), "no time for readable copies of {artifact} is in the log");
    Ok(median(&mut times))
}

/// The room that one-word edits of a text of 100 KB take, each sent as the whole text.
fn edits(place: &Place, scale: Scale) -> Result<Row> {
    const WORDS: usize = 10_000;
    const BYTES_OF_300_MAX: f64 = 1e6;
    const TEXT: &str = "long-text";
    let mut refiner = place.refiner()?;
    open(&mut refiner, TEXT, 0)?;
    let mut words = vec!["alternate".to_owned(); WORDS];
    let mut save = |words: &[String]| {
        let patch = format!("{{\"data\":{{\"text\":\"{}\"}}}}", words.join(" "));
        refiner.call("save_state", &format!("{{\"name\":\"{TEXT}\",\"patch\":{patch}}}"))
    };
    save(&words)?;
    let before = stored(place, TEXT)?;
    for edit in 0..scale.edits {
        words[edit * 31 % WORDS] = format!("edit{edit:05}");
        save(&words)?;
    }
    let bytes = (stored(place, TEXT)? - before) as f64;
    let most = BYTES_OF_300_MAX * scale.edits as f64 / 300.0;
    Ok(Row {
        what: format!("{} one-word edits of 100 KB, on disk", scale.edits),
        measured: format!("{:.2} MB", bytes / MEGABYTE),
        baseline: format!("{:.2} MB", most / MEGABYTE),
        ratio: Some(bytes / most),
        bound: Bound::AtMost(1.0),
    })
}

/// Returns the bytes of an artifact's journal, with payloads that are files of their own.
fn stored(place: &Place, artifact: &str) -> Result<u64> {
    let mut bytes = 0;
    for folder in ["journal", "blobs"] {
        let Ok(files) = fs::read_dir(place.artifact(artifact).join(folder)) else { continue };
        for file in files {
            bytes += file?.metadata()?.len();
        }
    }
    ensure!(bytes > 0, "{artifact} has no journal");
    Ok(bytes)
}

/// Opens an artifact with a document of that many paragraphs.
fn open(refiner: &mut Client, artifact: &str, paragraphs: usize) -> Result<()> {
    refiner
        .call("init_state", &format!("{{\"name\":\"{artifact}\",\"workflow\":\"document\"}}"))?;
    let text = |number| format!("\"p{number:04}\":\"{}\"", paragraph(number, 0));
    let text: Vec<String> = (0..paragraphs).map(text).collect();
    let patch = format!("{{\"data\":{{\"text\":{{{}}}}}}}", text.join(","));
    refiner.call("save_state", &format!("{{\"name\":\"{artifact}\",\"patch\":{patch}}}"))?;
    Ok(())
}

/// Returns a paragraph in which one word is another in each edition.
fn paragraph(number: usize, edition: usize) -> String {
    format!("{number:08} {edition:08} {}", "w".repeat(PARAGRAPH_BYTES - 18))
}
