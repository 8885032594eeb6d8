//! What a user would take instead, played in the same run: a save of 2 KB and a load of it.
//!
//! docs/performance.md says what each of them promises. Most of them do not flush a save.

use std::cell::RefCell;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::place::Place;
use super::sampling::{median, medians};
use super::systems::{Call, SYSTEMS, System, text};
use super::table::{aligned, microseconds};
use super::{Scale, say};

/// How long a system may take to save what is there before it is measured.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was measured of one system at a number of versions.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) system: &'static str,
    pub(crate) versions: usize,
    /// The times of a save and of a load, or why there are none.
    pub(crate) times: Result<[Duration; 2], String>,
}

/// Plays all systems in turns, with more and more versions.
pub(crate) fn play(place: &Place, scale: Scale) -> Vec<Played> {
    let mut running = SYSTEMS.each_ref().map(|system| Running::start(system, place));
    let all = scale.versions.iter().flat_map(|&versions| {
        say(&format!("other systems, with {versions} versions"));
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
        if let Some(open) = system.open {
            let (tool, arguments) = open();
            client.call(tool, &arguments.to_string())?;
        }
        Ok(Self { system, client, records: 0, times: Default::default() })
    }

    /// Saves until there are so many versions, and forgets the times so far.
    fn fill(&mut self, versions: usize) -> Result<()> {
        self.times = Default::default();
        let start = Instant::now();
        while self.records < versions {
            ensure!(start.elapsed() < PATIENCE, "its saves up to here took 10 minutes");
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
        let call = (self.system.save)(self.records, count);
        self.records += count;
        self.call(&call)
    }

    /// Loads what was saved last.
    fn load(&mut self) -> Result<Duration> {
        let last = self.records - 1;
        let time = self.call(&(self.system.load)(last))?;
        ensure!(self.client.answer().contains(&text(last)), "a load did not bring the last save");
        Ok(time)
    }

    /// Calls a tool and returns how long it took: by its own word where it has no wire.
    fn call(&mut self, (tool, arguments): &Call) -> Result<Duration> {
        let elapsed = self.client.call(tool, &arguments.to_string())?;
        let own = self.client.answer().split("\"seconds\":").nth(1);
        let own = own.and_then(|rest| rest.split(',').next()?.parse().ok());
        Ok(own.map_or(elapsed, Duration::from_secs_f64))
    }
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
