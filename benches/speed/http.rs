//! The same over HTTP, on connections that are kept.
//!
//! The baseline is a server of the same SDK that does nothing, over HTTP and in a process of its own.
//! So everything counts that Refiner adds, its checks of each request included.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::http_client::{Connection, Server};
use super::latency::{Saves, open_document};
use super::place::Place;
use super::sampling::{medians, rates};
use super::table::{Bound, Row, microseconds, per_second};
use super::{Scale, bare, raw, say};

const CLIENTS: usize = 64;

pub(crate) fn rows(place: &Place, scale: Scale) -> Result<Vec<Row>> {
    let mut stdio = place.refiner()?;
    for client in 0..CLIENTS {
        open_document(&mut stdio, &own(client))?;
    }
    drop(stdio);
    say("over HTTP");
    let refiner = Server::start(place.refiner_command().args(["--http", "127.0.0.1:0"]))?;
    let bare = Server::start(&mut place.bare_command(bare::HTTP_ARGUMENT)?)?;
    let mut rows = one_at_a_time(place, &refiner, &bare, scale)?;
    rows.extend(at_once(place, &refiner, &bare, scale)?);
    Ok(rows)
}

fn own(client: usize) -> String {
    format!("http-{client}")
}

fn one_at_a_time(place: &Place, refiner: &Server, bare: &Server, scale: Scale) -> Result<Vec<Row>> {
    let file = raw::files(place.path(), 1)?.remove(0);
    let (mut loading, mut saving) = (Caller::new(refiner, 0)?, Caller::new(refiner, 0)?);
    let mut idle = bare.connect()?;
    let [load, save, nothing, append] = medians(
        scale.calls,
        [
            &mut || loading.load(),
            &mut || saving.save(),
            &mut || idle.call(bare::TOOL, "{}"),
            &mut || raw::append(&file),
        ],
    )?;
    let row = |what: &str, measured: Duration, baseline, least: Duration| Row {
        what: format!("{what} over HTTP, p50"),
        measured: microseconds(measured),
        baseline,
        ratio: Some(measured.as_secs_f64() / least.as_secs_f64()),
        bound: Bound::Free,
    };
    let no_op = format!("HTTP no-op {}", microseconds(nothing));
    let both = format!("{no_op} + 2 × append {}", microseconds(append));
    Ok(vec![
        row("load_state", load, no_op, nothing),
        row("save_state, 2 KB document,", save, both, nothing + 2 * append),
    ])
}

fn at_once(place: &Place, refiner: &Server, bare: &Server, scale: Scale) -> Result<Vec<Row>> {
    let files = raw::files(place.path(), CLIENTS)?;
    let callers = |server| (0..CLIENTS).map(move |client| Caller::new(server, client));
    let mut callers_of_refiner = callers(refiner).collect::<Result<Vec<_>>>()?;
    let mut callers_of_bare = callers(bare).collect::<Result<Vec<_>>>()?;
    let all = std::cell::RefCell::new(&mut callers_of_refiner);
    let [loads, nothing, saves, appends] = rates(
        scale.turns,
        scale.transaction,
        [
            &mut |until| from_each(&mut all.borrow_mut(), until, Caller::load),
            &mut |until| from_each(&mut callers_of_bare, until, Caller::do_nothing),
            &mut |until| from_each(&mut all.borrow_mut(), until, Caller::save),
            &mut |until| raw::append_to_each(&files, until),
        ],
    )?;
    let row = |what: &str, measured: f64, baseline: &str, most: f64| Row {
        what: format!("{CLIENTS} HTTP clients, {what}"),
        measured: per_second(measured),
        baseline: format!("{baseline} {}", per_second(most)),
        ratio: Some(measured / most),
        bound: Bound::Free,
    };
    Ok(vec![
        row("load_state", loads, "HTTP no-op", nothing),
        row("save_state on an artifact each", saves, "append each", appends),
    ])
}

fn from_each(
    callers: &mut [Caller],
    until: Instant,
    call: impl Fn(&mut Caller) -> Result<Duration> + Sync,
) -> Result<usize> {
    raw::in_threads(callers.iter_mut(), until, |caller| call(caller).map(drop))
}

/// A connection, and the artifact that it is about.
struct Caller {
    connection: Connection,
    artifact: String,
    saves: Saves,
}

impl Caller {
    fn new(server: &Server, client: usize) -> Result<Self> {
        let (connection, saves) = (server.connect()?, Saves::default());
        Ok(Self { connection, artifact: own(client), saves })
    }

    fn load(&mut self) -> Result<Duration> {
        self.connection.call("load_state", &format!("{{\"name\":\"{}\"}}", self.artifact))
    }

    fn save(&mut self) -> Result<Duration> {
        self.connection.call("save_state", &self.saves.next(&self.artifact))
    }

    fn do_nothing(&mut self) -> Result<Duration> {
        self.connection.call(bare::TOOL, "{}")
    }
}
