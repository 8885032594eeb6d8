//! Refiner and what a user would take instead: how each is started, saves and loads.
//!
//! `scripts/install-test-clients rivals` installs the others.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::place::Place;

const TEXT_BYTES: usize = 2_000;

/// A tool and its arguments.
pub(crate) type Call = (&'static str, Value);

/// How a system is called. A save gets the number of its first record and how many there are, a load
/// the number of its record.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) name: &'static str,
    pub(crate) start: fn(&Place) -> Result<Command>,
    pub(crate) open: Option<fn() -> Call>,
    pub(crate) save: fn(usize, usize) -> Call,
    pub(crate) load: fn(usize) -> Call,
    pub(crate) records_at_once: usize,
}

pub(crate) static SYSTEMS: [System; 4] = [
    System {
        name: "Refiner",
        start: |place| Ok(place.refiner_command()),
        open: Some(|| ("init_state", json!({ "name": "rival", "workflow": "document" }))),
        save: |record, _| {
            let patch = json!({ "data": { "text": text(record) } });
            ("save_state", json!({ "name": "rival", "patch": patch }))
        },
        load: |_| ("load_state", json!({ "name": "rival", "detail": "full" })),
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
        save: |record, _| ("save", json!({ "text": text(record) })),
        load: |_| ("load", json!({})),
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
        save: |first, count| {
            let entity = |record| {
                let observations = [text(record)];
                json!({ "name": key(record), "entityType": "record", "observations": observations })
            };
            let entities: Vec<_> = (first..first + count).map(entity).collect();
            ("create_entities", json!({ "entities": entities }))
        },
        load: |record| ("open_nodes", json!({ "names": [key(record)] })),
        records_at_once: 500,
    },
    System {
        name: "mcp-memory-keeper",
        start: |place| {
            let mut command = node("mcp-memory-keeper/dist/index.js")?;
            command.env("DATA_DIR", place.path());
            Ok(command)
        },
        open: None,
        save: |record, _| ("context_save", json!({ "key": key(record), "value": text(record) })),
        load: |record| ("context_get", json!({ "key": key(record), "limit": 1 })),
        records_at_once: 1,
    },
];

fn key(record: usize) -> String {
    format!("record-{record}")
}

/// Returns a text that no other record has.
pub(crate) fn text(record: usize) -> String {
    format!("{record:0TEXT_BYTES$}")
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
