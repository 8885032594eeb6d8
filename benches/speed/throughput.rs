//! How many calls are answered, when many call at once.

use std::thread;
use std::time::Instant;

use anyhow::Result;

use super::client::Client;
use super::latency::{Saves, open_document};
use super::place::Place;
use super::sampling::rates;
use super::table::{Bound, Row, per_second};
use super::{Scale, raw, say};

const WRITERS: usize = 64;
const PROCESSES: usize = 8;
/// The artifact that all write to.
const SHARED: &str = "shared";

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    let mut refiner = place.refiner()?;
    open_document(&mut refiner, SHARED)?;
    for writer in 0..WRITERS {
        open_document(&mut refiner, &own(writer))?;
    }
    say("many calls at once");
    Ok(vec![
        on_own_artifacts(place, &mut refiner, scale)?,
        on_one_artifact(place, &mut refiner, scale)?,
        from_several_processes(place, scale)?,
    ])
}

fn own(writer: usize) -> String {
    format!("own-{writer}")
}

fn on_own_artifacts(place: &Place, refiner: &mut Client, scale: Scale) -> Result<Row> {
    let files = raw::files(place.path(), WRITERS)?;
    let [saves, appends] = rates(
        scale.turns,
        scale.transaction,
        [&mut |until| save_at_once(refiner, WRITERS, own, until), &mut |until| {
            raw::append_to_each(&files, until)
        }],
    )?;
    Ok(Row {
        what: format!("{WRITERS} writers on {WRITERS} artifacts"),
        measured: per_second(saves),
        baseline: format!("append each {}", per_second(appends)),
        ratio: Some(saves / appends),
        bound: Bound::AtLeast(0.6),
    })
}

fn on_one_artifact(place: &Place, refiner: &mut Client, scale: Scale) -> Result<Row> {
    let file = raw::Shared::new(raw::files(place.path(), 1)?.remove(0));
    let [saves, appends] = rates(
        scale.turns,
        scale.transaction,
        [&mut |until| save_at_once(refiner, WRITERS, |_| SHARED.to_owned(), until), &mut |until| {
            file.append_from(WRITERS, until)
        }],
    )?;
    Ok(Row {
        what: format!("{WRITERS} writers on one artifact"),
        measured: per_second(saves),
        baseline: format!("leader and followers {}", per_second(appends)),
        ratio: Some(saves / appends),
        bound: Bound::AtLeast(0.5),
    })
}

/// Each process has one writer, so that no flush is shared inside of one.
fn from_several_processes(place: &Place, scale: Scale) -> Result<Row> {
    let mut clients = (0..PROCESSES).map(|_| place.refiner()).collect::<Result<Vec<_>>>()?;
    let file = raw::files(place.path(), 1)?;
    let [saves, appends] = rates(
        scale.turns,
        scale.transaction,
        [&mut |until| save_from_each(&mut clients, until), &mut |until| {
            raw::append_to_each(&file, until)
        }],
    )?;
    Ok(Row {
        what: format!("{PROCESSES} processes on one artifact"),
        measured: per_second(saves),
        baseline: format!("one append at a time {}", per_second(appends)),
        ratio: Some(saves / appends),
        bound: Bound::AtLeast(0.6),
    })
}

fn save_from_each(clients: &mut [Client], until: Instant) -> Result<usize> {
    thread::scope(|scope| {
        let save = |client| save_at_once(client, 1, |_| SHARED.to_owned(), until);
        let threads: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || save(client))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(0))).sum()
    })
}

/// Saves until the time has come, and returns how many saves were acknowledged.
fn save_at_once(
    refiner: &mut Client,
    writers: usize,
    artifact: impl Fn(usize) -> String,
    until: Instant,
) -> Result<usize> {
    let mut saves = Saves::default();
    refiner.call_at_once(
        writers,
        "save_state",
        |writer| saves.next(&artifact(writer)),
        |_| Instant::now() < until,
    )
}
