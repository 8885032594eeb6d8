//! A person who removes, moves and copies folders underneath processes that work on them.
//!
//! What was acknowledged before a folder was exchanged may be gone with it. What is acknowledged after
//! the last exchange is there at the end, and no version is acknowledged twice.

use std::io;
use std::sync::Arc;

use super::super::witness::Witness;
use super::super::{Store, layout};
use super::harness::{Plan, SIZES, Told, name, tokens_of};
use crate::disk::WORKSPACE;
use crate::disk::distrust::Kind;
use crate::disk::fs::{self, Fs as _, Mode};
use crate::disk::sabotage::testing;
use crate::disk::simulated::{Process, Random, SimulatedDisk};
use crate::model::Version;

/// How often the person does something.
const EXCHANGES: usize = 3;

/// Lets a person work on a workspace. Returns when the last exchange was over, counted in operations
/// of the disk.
pub(super) fn exchange(plan: Plan, person: &Process) -> usize {
    let mut random = Random::new(plan.seed ^ 0x5DEE_CE66);
    let mut over = 0;
    for number in 0..EXCHANGES {
        for _ in 0..random.below(60) {
            drop(person.stat(WORKSPACE));
        }
        let aside = format!("aside-{number}");
        // What fails, such as to move what is not there, has done nothing or only a part.
        drop(match random.below(7) {
            0 => person.remove_folder(layout::LOCKS),
            1 => person.remove_folder(WORKSPACE),
            2 => person.remove_folder(&layout::artifact(&name())),
            3 => person.rename(WORKSPACE, &aside),
            4 => move_and_copy(person, WORKSPACE, &aside),
            5 => move_and_copy(person, &layout::journal(&name()), &aside),
            _ => move_and_copy(person, layout::LOCKS, &aside),
        });
        over = person.last_operation();
    }
    person.end();
    over
}

/// Does what `mv FOLDER ASIDE; cp -a ASIDE COPY; sync; mv COPY FOLDER` does. Of a copy that grows in place
/// while processes write to it, or that was not flushed, nothing is promised.
fn move_and_copy(person: &Process, folder: &str, aside: &str) -> io::Result<()> {
    person.rename(folder, aside)?;
    if fs::exists(person, folder)? {
        return Ok(());
    }
    let copied = format!("{aside}-copy");
    copy(person, aside, &copied)?;
    person.rename_new(&copied, folder)?;
    person.flush_dir("")?;
    person.flush_dir(fs::parent(folder))
}

fn copy(person: &Process, from: &str, to: &str) -> io::Result<()> {
    if person.stat(from)?.kind == Kind::Folder {
        person.create_dir(to)?;
        for name in fs::names(person, from)? {
            copy(person, &format!("{from}/{name}"), &format!("{to}/{name}"))?;
        }
        person.flush_dir(to)?;
        return person.flush_dir(fs::parent(to));
    }
    let content = fs::read(person, from, u64::MAX)?.unwrap_or_default();
    match person.open(to, Mode::CreateNew) {
        // A process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            let made = made?;
            made.write_at(0, &content)?;
            made.flush()
        }
    }
}

/// Starts again and compares.
pub(super) fn check(
    disk: &SimulatedDisk,
    plan: Plan,
    told: &[Told],
    over: usize,
) -> Result<(), String> {
    testing::sabotage(plan.sabotage);
    let result = check_planted(disk, told, over);
    testing::sabotage(None);
    result.map_err(|problem| format!("{plan:?}: {problem}"))
}

fn check_planted(disk: &SimulatedDisk, told: &[Told], over: usize) -> Result<(), String> {
    let after = told.iter().flat_map(|told| told.acknowledged.iter().zip(&told.acknowledged_at));
    let after = after.filter(|(_, at)| **at > over).map(|((token, version), _)| (token, *version));
    let mut kept: Vec<(&String, Version)> = after.collect();
    kept.sort_by_key(|(_, version)| *version);
    if let Some(twice) = kept.windows(2).find(|two| two[0].1 == two[1].1) {
        return Err(format!("a version was acknowledged twice: {twice:?}"));
    }
    if kept.is_empty() {
        return Ok(());
    }
    let store = Store::new(Arc::new(disk.start(1).remove(0)), SIZES, Witness::none());
    for (token, version) in kept {
        let state = store.at(&name(), version).map_err(|fault| format!("{version}: {fault}"))?;
        let state = state.ok_or_else(|| format!("{token}: version {version} is gone"))?;
        let tokens = tokens_of(&state.tree.to_value());
        if tokens.last() != Some(token) {
            return Err(format!(
                "version {version} was acknowledged for {token} and is {tokens:?}"
            ));
        }
    }
    Ok(())
}
