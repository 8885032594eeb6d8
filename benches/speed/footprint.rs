//! What is taken of the machine: time to start, memory, room on the disk.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::latency::OLD;
use super::place::Place;
use super::sampling::medians;
use super::table::{Bound, Row, microseconds};
use super::{Scale, say};

const MEGABYTE: f64 = 1e6;

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    say("starting, memory, disk");
    let mut rows = vec![start(place, scale)?];
    rows.extend(memory(place)?);
    rows.push(disk(place)?);
    Ok(rows)
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
        ratio: refiner.as_secs_f64() / bare.as_secs_f64(),
        bound: Bound::AtMost(3.0),
    })
}

/// The memory of a server that answered one call and waits, where the system tells.
fn memory(place: &Place) -> Result<Option<Row>> {
    const MEGABYTES_MAX: f64 = 15.0;
    let mut refiner = place.refiner()?;
    refiner.call("load_state", &format!("{{\"name\":\"{OLD}\"}}"))?;
    let bare = resident(place.bare()?.process());
    Ok(resident(refiner.process()).zip(bare).map(|(refiner, bare)| Row {
        what: "memory, idle".into(),
        measured: format!("{:.1} MB (bare server {:.1} MB)", refiner / MEGABYTE, bare / MEGABYTE),
        baseline: format!("{MEGABYTES_MAX} MB"),
        ratio: refiner / MEGABYTE / MEGABYTES_MAX,
        bound: Bound::AtMost(1.0),
    }))
}

fn resident(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The room that the long journal takes beside what its saves changed.
fn disk(place: &Place) -> Result<Row> {
    const BESIDE_MAX: f64 = 400.0;
    let (mut bytes, mut patches, mut entries) = (0, 0, 0);
    for segment in fs::read_dir(place.journal(OLD))? {
        let content = fs::read_to_string(segment?.path())?;
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
        ratio: (each - patch) / BESIDE_MAX,
        bound: Bound::AtMost(1.0),
    })
}
