//! What a user would take instead, played in the same run: a save of 2 KB and a load of it.
//!
//! `scripts/install-test-clients rivals` installs them. What each of them promises, and what not,
//! is in docs/performance.md: a save of most of them is not flushed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::place::Place;
use super::sampling::{median, medians};
use super::table::{aligned, microseconds};
use super::{Scale, say};

const TEXT_BYTES: usize = 2_000;
/// Records that are saved with one call where that can be done.
const BATCH: usize = 500;

/// What was measured of one system at a number of versions.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) system: &'static str,
    pub(crate) versions: usize,
    /// The times of a save and of a load, or why there are none.
    pub(crate) times: Result<[Duration; 2], String>,
}

/// A tool, and what makes its arguments.
type Call<Make> = (&'static str, Make);

/// How a system is called. The arguments of a save are made from the number of the first record and
/// how many there are, those of a load from the number of the record.
struct System {
    name: &'static str,
    start: fn(&Place) -> Result<Command>,
    open: Option<Call<fn() -> Value>>,
    save: Call<fn(usize, usize) -> Value>,
    load: Call<fn(usize) -> Value>,
    records_at_once: usize,
}

static SYSTEMS: [System; 4] = [
    System {
        name: "Refiner",
        start: |place| Ok(place.refiner_command()),
        open: Some(("init_state", || json!({ "name": "rival", "workflow": "document" }))),
        save: (
            "save_state",
            |record, _| json!({ "name": "rival", "patch": { "data": { "text": text(record) } } }),
        ),
        load: ("load_state", |_| json!({ "name": "rival", "detail": "full" })),
        records_at_once: 1,
    },
    System {
        name: "LangGraph SqliteSaver, in process",
        start: |place| {
            let script =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/sqlite_saver.py");
            let mut command = Command::new(installed("sqlite-saver", "bin/python")?);
            command.arg(script).arg(place.path().join("checkpoints.sqlite"));
            Ok(command)
        },
        open: None,
        save: ("save", |record, _| json!({ "text": text(record) })),
        load: ("load", |_| json!({})),
        records_at_once: 1,
    },
    System {
        name: "server-memory",
        start: |place| {
            let mut command = node("@modelcontextprotocol/server-memory/dist/index.js")?;
            command.env("MEMORY_FILE_PATH", place.path().join("memory.jsonl"));
            Ok(command)
        },
        open: None,
        save: ("create_entities", |first, count| {
            let entity = |record| json!({ "name": key(record), "entityType": "record", "observations": [text(record)] });
            json!({ "entities": (first..first + count).map(entity).collect::<Vec<_>>() })
        }),
        load: ("open_nodes", |record| json!({ "names": [key(record)] })),
        records_at_once: BATCH,
    },
    System {
        name: "mcp-memory-keeper",
        start: |place| {
            let mut command = node("mcp-memory-keeper/dist/index.js")?;
            command.env("DATA_DIR", place.path());
            Ok(command)
        },
        open: None,
        save: ("context_save", |record, _| json!({ "key": key(record), "value": text(record) })),
        load: ("context_get", |record| json!({ "key": key(record), "limit": 1 })),
        records_at_once: 1,
    },
];

fn key(record: usize) -> String {
    format!("record-{record}")
}

/// Returns a text that no other record has.
fn text(record: usize) -> String {
    format!("{record:0TEXT_BYTES$}")
}

/// Plays all systems in turns, with more and more versions.
pub(crate) fn play(place: &Place, scale: Scale) -> Vec<Played> {
    let mut running = SYSTEMS.each_ref().map(|system| Running::start(system, place));
    let all = scale.versions.iter().flat_map(|&versions| {
        say(&format!("what else one would take, with {versions} versions"));
        for_each(&mut running, |one| one.fill(versions));
        for _ in 0..scale.turns_of_rivals {
            for_each(&mut running, Running::take_turn);
        }
        let systems = SYSTEMS.iter().zip(&mut running);
        let played = systems.map(|(system, one)| Played {
            system: system.name,
            versions,
            times: one.as_mut().map(Running::medians).map_err(|error| format!("{error:#}")),
        });
        played.collect::<Vec<_>>()
    });
    all.collect()
}

/// Does something with each system that has not failed before.
fn for_each(all: &mut [Result<Running>], work: impl Fn(&mut Running) -> Result<()>) {
    for one in all {
        if let Ok(running) = one
            && let Err(error) = work(running)
        {
            *one = Err(error);
        }
    }
}

/// A system's process.
struct Running {
    system: &'static System,
    client: Client,
    records: usize,
    /// The times of saves and of loads, a median for each turn.
    times: [Vec<Duration>; 2],
}

impl Running {
    fn start(system: &'static System, place: &Place) -> Result<Self> {
        let (mut client, _) = Client::start((system.start)(place)?.stderr(Stdio::null()))?;
        if let Some((tool, arguments)) = system.open {
            client.call(tool, &arguments().to_string())?;
        }
        Ok(Self { system, client, records: 0, times: Default::default() })
    }

    /// Saves until there are so many versions, and forgets the times so far.
    fn fill(&mut self, versions: usize) -> Result<()> {
        self.times = Default::default();
        while self.records < versions {
            self.save(self.system.records_at_once.min(versions - self.records))?;
        }
        Ok(())
    }

    fn take_turn(&mut self) -> Result<()> {
        let this = RefCell::new(&mut *self);
        let times =
            medians(1, [&mut || this.borrow_mut().save(1), &mut || this.borrow_mut().load()])?;
        self.times.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
        Ok(())
    }

    fn medians(&mut self) -> [Duration; 2] {
        self.times.each_mut().map(|times| median(times))
    }

    fn save(&mut self, count: usize) -> Result<Duration> {
        let (tool, arguments) = self.system.save;
        let call = self.call(tool, &arguments(self.records, count));
        self.records += count;
        call
    }

    /// Loads what was saved last.
    fn load(&mut self) -> Result<Duration> {
        let (last, (tool, arguments)) = (self.records - 1, self.system.load);
        let call = self.call(tool, &arguments(last))?;
        ensure!(
            self.client.answer().contains(&text(last)),
            "what was loaded is not what was saved"
        );
        Ok(call)
    }

    /// Calls a tool and returns how long it took: by its own word where it has no wire.
    fn call(&mut self, tool: &str, arguments: &Value) -> Result<Duration> {
        let elapsed = self.client.call(tool, &arguments.to_string())?;
        let own = self.client.answer().split("\"seconds\":").nth(1);
        let own = own.and_then(|rest| rest.split(',').next()?.parse().ok());
        Ok(own.map_or(elapsed, Duration::from_secs_f64))
    }
}

fn node(script: &str) -> Result<Command> {
    let mut command = Command::new(installed("rivals", "node")?);
    command.arg(installed("rivals", "node_modules")?.join(script));
    Ok(command)
}

/// Returns the path of something in a folder that was installed as a whole.
fn installed(folder: &str, path: &str) -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("no target folder")?;
    let folder = target.join("clients").join(folder);
    ensure!(
        folder.join("installed").exists(),
        "not installed: run scripts/install-test-clients rivals"
    );
    Ok(folder.join(path))
}

const HEADINGS: [&str; 4] = ["system", "versions", "save of 2 KB, p50", "load, p50"];

impl Played {
    fn cells(&self) -> [String; 4] {
        let [save, load] = match &self.times {
            Ok(times) => times.map(microseconds),
            Err(why) => [format!("not measured: {why}"), String::new()],
        };
        [self.system.to_owned(), self.versions.to_string(), save, load]
    }

    pub(crate) fn json(&self) -> Value {
        let microseconds =
            |one: usize| self.times.as_ref().ok().map(|times| times[one].as_secs_f64() * 1e6);
        json!({
            "system": self.system, "versions": self.versions,
            "save_microseconds": microseconds(0), "load_microseconds": microseconds(1),
            "missing": self.times.as_ref().err(),
        })
    }
}

/// Returns what was measured as a Markdown table.
pub(crate) fn table(played: &[Played]) -> String {
    aligned(HEADINGS, played.iter().map(Played::cells))
}
