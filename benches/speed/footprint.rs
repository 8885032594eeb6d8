//! What is taken of the machine: time to start, memory, room on the disk.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::client::Client;
use super::latency::{OLD, Saves, open_document};
use super::place::Place;
use super::sampling::medians;
use super::table::{Bound, Row, microseconds};
use super::{Scale, say};

const MEGABYTE: f64 = 1e6;

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    say("starting, memory, disk");
    Ok(vec![start(place, scale)?, idle(place)?, with_work(place, scale)?, disk(place)?])
}

fn start(place: &Place, scale: Scale) -> Result<Row> {
    let [refiner, bare] = medians(
        scale.starts,
        [&mut || Ok(place.start_refiner()?.1), &mut || Ok(place.start_bare()?.1)],
    )?;
    Ok(Row {
        what: "process start to the first tools/list, p50".into(),
        measured: microseconds(refiner),
        baseline: format!("bare server {}", microseconds(bare)),
        ratio: Some(refiner.as_secs_f64() / bare.as_secs_f64()),
        bound: Bound::AtMost(3.0),
    })
}

/// The memory of a server that answered one call and waits.
fn idle(place: &Place) -> Result<Row> {
    let mut refiner = place.refiner()?;
    refiner.call("load_state", &format!("{{\"name\":\"{OLD}\"}}"))?;
    Ok(memory("memory, idle", resident(&refiner), resident(&place.bare()?), 13.0))
}

/// The memory of a server that has saved much, on one artifact and on many.
fn with_work(place: &Place, scale: Scale) -> Result<Row> {
    const ARTIFACTS: usize = 256;
    let mut refiner = place.refiner()?;
    let name = |number| format!("worked-{number}");
    for number in 0..ARTIFACTS {
        open_document(&mut refiner, &name(number))?;
    }
    let mut saves = Saves::default();
    let (on_one, on_many) = (scale.history, ARTIFACTS * scale.saves_on_many);
    let many = |answered| answered + ARTIFACTS <= on_many;
    refiner.call_at_once(ARTIFACTS, "save_state", |one| saves.next(&name(one)), many)?;
    let one = |answered| answered + ARTIFACTS <= on_one;
    refiner.call_at_once(ARTIFACTS, "save_state", |_| saves.next(&name(0)), one)?;
    let each = scale.saves_on_many;
    let what = format!("memory after {on_one} + {ARTIFACTS} × {each} saves");
    Ok(memory(&what, resident(&refiner), resident(&place.bare()?), 25.0))
}

fn memory(what: &str, refiner: Option<f64>, bare: Option<f64>, megabytes_max: f64) -> Row {
    let Some((refiner, bare)) = refiner.zip(bare) else {
        return Row::missing(what, "this system has no /proc/PID/status");
    };
    Row {
        what: what.into(),
        measured: format!("{:.1} MB (bare server {:.1} MB)", refiner / MEGABYTE, bare / MEGABYTE),
        baseline: format!("{megabytes_max} MB"),
        ratio: Some(refiner / MEGABYTE / megabytes_max),
        bound: Bound::AtMost(1.0),
    }
}

fn resident(server: &Client) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The room that the long journal takes beside what its saves changed.
fn disk(place: &Place) -> Result<Row> {
    const BESIDE_MAX: f64 = 400.0;
    let (mut bytes, mut patches, mut entries) = (0, 0, 0);
    for file in fs::read_dir(place.artifact(OLD).join("journal"))? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let content = fs::read_to_string(path)?;
        bytes += content.len();
        for line in content.lines() {
            let line: Value = serde_json::from_str(line)?;
            // The first line of a segment has a whole document instead of a patch.
            if let Some(patch) = line.get("patch") {
                patches += patch.to_string().len();
                entries += 1;
            }
        }
    }
    let entries = f64::from(u32::try_from(entries).context("too many entries")?);
    let (each, patch) = (bytes as f64 / entries, patches as f64 / entries);
    Ok(Row {
        what: "bytes on disk per save".into(),
        measured: format!("{each:.0} B, of which patch {patch:.0} B"),
        baseline: format!("{BESIDE_MAX} B beside the patch"),
        ratio: Some((each - patch) / BESIDE_MAX),
        bound: Bound::AtMost(1.0),
    })
}
