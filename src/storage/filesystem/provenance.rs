//! Whose journal it is: each row of the table *Whose journal it is* in docs/format.md, with one process and
//! with three, on the simulated disk and with real files.

use std::sync::Arc;

use serde_json::json;

use super::artifact::ArtifactState;
use super::fault::Fault;
use super::witness::Witness;
use super::{SIZES, Store, fs, layout, segment};
use crate::disk::fs::{Fs, Mode};
use crate::disk::real::Disk;
use crate::disk::simulated::{Fault as DiskFault, Process, SimulatedDisk};
use crate::disk::{Owners, StateFolder};
use crate::model::journal::Transaction;
use crate::model::journal::projection::STATE_FILE;
use crate::model::journal::tests::draft;
use crate::model::{Name, Version};
use crate::storage::{Doubt, Newest};

/// A disk with a project, where processes and a person work.
pub(super) struct World {
    disk: Kind,
    pub(super) stores: Vec<Store>,
}

enum Kind {
    Simulated(Process),
    Real(tempfile::TempDir),
}

fn name() -> Name {
    Name::parse("a").unwrap()
}

/// Runs a row of the table in every world.
fn in_every_world(row: impl Fn(&mut World)) {
    for processes in [1, 3] {
        let disk = SimulatedDisk::new(7, DiskFault::None);
        row(&mut World::new(Kind::Simulated(disk.start(1).remove(0)), processes));
        row(&mut World::new(Kind::Real(tempfile::tempdir().unwrap()), processes));
    }
}

impl World {
    fn new(disk: Kind, processes: usize) -> Self {
        let mut world = Self { disk, stores: Vec::new() };
        world.stores = world.start(processes);
        world
    }

    /// What a person works with.
    fn fs(&self) -> Arc<dyn Fs> {
        match &self.disk {
            Kind::Simulated(process) => Arc::new(process.clone()),
            Kind::Real(folder) => Arc::new(Disk::open(folder.path(), Owners::user()).unwrap()),
        }
    }

    fn start(&self, processes: usize) -> Vec<Store> {
        (0..processes).map(|_| Store::new(self.fs(), SIZES, self.witness("/project"))).collect()
    }

    /// What the user's processes know of a project at a path.
    fn witness(&self, project: &str) -> Witness {
        Witness::on(self.state_folder(), project)
    }

    fn state_folder(&self) -> Arc<dyn Fs> {
        match &self.disk {
            Kind::Simulated(process) => {
                process.create_dir("state").unwrap();
                process.folder("state").unwrap()
            }
            Kind::Real(folder) => StateFolder::new(folder.path().join("state")).folder().unwrap(),
        }
    }

    /// Takes away what is known outside of the project.
    fn forget(&self) {
        self.state_folder().remove_folder("witness").unwrap();
    }

    /// Ends all processes and starts as many.
    fn restart(&mut self) {
        self.stores = self.start(self.stores.len());
    }

    /// Saves, with each process in turn, until the newest version is this one.
    fn save_up_to(&self, version: Version) {
        for number in 0.. {
            let store = &self.stores[number % self.stores.len()];
            if save(store).unwrap().snapshot.version >= version {
                break;
            }
        }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.fs().as_ref(), path, u64::MAX).unwrap().unwrap()
    }

    fn write(&self, path: &str, content: &[u8]) {
        fs::write_replaceable(self.fs().as_ref(), path, content).unwrap();
    }

    /// Asserts what every process answers: each answer has the version, and a warning with the words.
    fn assert_all_say(&self, version: Version, words: &str) {
        for store in &self.stores {
            for _ in 0..2 {
                let newest = newest(store);
                assert_eq!(newest.snapshot.version, version);
                let said = newest.warnings.iter().any(|warning| warning.contains(words));
                assert!(said, "{words:?} is not in {:?}", newest.warnings);
            }
        }
    }

    fn assert_none_warns(&self, version: Version) {
        for store in &self.stores {
            let newest = newest(store);
            assert_eq!((newest.snapshot.version, newest.warnings), (version, Vec::new()));
        }
    }

    fn assert_none_writes(&self) {
        for store in &self.stores {
            let refused = save(store).unwrap_err();
            assert!(matches!(refused, Fault::Corrupt(_)), "{refused:?}");
        }
    }
}

fn save(store: &Store) -> Result<Newest, Fault> {
    save_content(store, "content")
}

fn save_content(store: &Store, content: &'static str) -> Result<Newest, Fault> {
    let decide = move |transaction: &mut Transaction<'_>| {
        let value = json!([content, transaction.next_version()]);
        drop(transaction.append(draft("a", &value)).unwrap());
    };
    let (newest, _) = store.append(&name(), Box::new(decide))?;
    store.settle();
    Ok(newest.unwrap())
}

fn newest(store: &Store) -> Newest {
    store.standing(&name()).unwrap().and_then(ArtifactState::alive).unwrap()
}

fn state_path() -> String {
    layout::in_artifact(&name(), STATE_FILE)
}

/// Returns `state.json` of another journal of the same name, at a version.
fn copy_of_another(version: Version) -> Vec<u8> {
    let other = World::new(Kind::Real(tempfile::tempdir().unwrap()), 1);
    other.save_up_to(version);
    other.read(&state_path())
}

#[test]
fn an_older_copy_is_refreshed_by_writes_only() {
    in_every_world(|world| {
        world.save_up_to(2);
        let older = world.read(&state_path());
        world.save_up_to(4);
        world.write(&state_path(), &older);
        world.assert_none_warns(4);
        world.stores.iter().for_each(Store::settle);
        assert_eq!(world.read(&state_path()), older, "reading wrote it");
        world.restart();
        world.assert_none_warns(4);
        assert_eq!(world.read(&state_path()), older, "opening wrote it");
        assert_eq!(save(&world.stores[0]).unwrap().warnings, Vec::<String>::new());
        world.assert_none_warns(5);
        assert_ne!(world.read(&state_path()), older);
    });
}

#[test]
fn a_newer_copy_of_the_journal_shows_a_lost_end() {
    in_every_world(|world| {
        world.save_up_to(3);
        let segment = layout::segment(&name(), 1);
        let early = world.read(&segment);
        world.save_up_to(6);
        let file = world.fs().open(&segment, Mode::Write).unwrap();
        file.truncate(early.len() as u64).unwrap();
        world.assert_all_say(6, "it ends at version 3, and state.json says that version 6");
        world.assert_none_writes();
        world.restart();
        world.assert_all_say(6, "it ends at version 3, and state.json says that version 6");
        world.assert_none_writes();
    });
}

#[test]
fn a_newer_copy_that_appears_by_itself_is_said_too() {
    in_every_world(|world| {
        world.save_up_to(5);
        let (copy, segment) = (world.read(&state_path()), layout::segment(&name(), 1));
        let line = world.read(&segment);
        let end = line[..line.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        world.fs().open(&segment, Mode::Write).unwrap().truncate(end as u64).unwrap();
        world.fs().remove(&state_path()).unwrap();
        world.forget();
        world.restart();
        world.assert_none_warns(4);
        world.write(&state_path(), &copy);
        world.assert_all_say(5, "it ends at version 4, and state.json says that version 5");
        world.assert_none_writes();
    });
}

#[test]
fn a_copy_of_another_journal_is_said_and_set_aside() {
    in_every_world(|world| {
        world.save_up_to(3);
        for version in [2, 9] {
            let before = newest(&world.stores[0]).snapshot.version;
            let other = copy_of_another(version);
            world.write(&state_path(), &other);
            let said = format!("a copy of another journal, at version {version}");
            world.assert_all_say(before, &said);
            assert_eq!(world.read(&state_path()), other, "reading wrote it");
            world.restart();
            world.assert_all_say(before, &said);
            let saved = save(&world.stores[0]).unwrap();
            assert!(saved.warnings.iter().any(|one| one.contains("kept/")), "{saved:?}");
            world.assert_none_warns(before + 1);
            let kept = layout::kept(&name());
            let names = world.fs().list(&kept).unwrap();
            assert!(names.iter().any(|file| world.read(&format!("{kept}/{file}")) == other));
        }
    });
}

#[test]
fn an_edited_copy_is_set_aside_by_the_next_write() {
    in_every_world(|world| {
        world.save_up_to(3);
        let edited = b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n";
        world.write(&state_path(), edited);
        world.assert_none_warns(3);
        let saved = save(&world.stores[0]).unwrap();
        assert!(saved.warnings.iter().any(|one| one.contains("kept the changed copy")));
        world.assert_none_warns(4);
    });
}

#[test]
fn a_last_line_that_does_not_chain_is_damage() {
    in_every_world(|world| {
        world.save_up_to(4);
        let segment = layout::segment(&name(), 1);
        let lines = world.read(&segment);
        let mut lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
        // Of the same place and version, with another time.
        let changed =
            String::from_utf8_lossy(lines[3]).replace("\"actor\":\"test", "\"actor\":\"fake");
        let object = format!("{{{}", &changed.trim_end()[33..]);
        let framed = crate::model::journal::frame::encode(&object);
        lines[3] = &framed;
        let (path, content) = (segment, lines.concat());
        world.write(&path, &content);
        world.restart();
        world.assert_all_say(4, "does not continue the line before it");
        world.assert_none_writes();
        assert_eq!(segment::list(&*world.fs(), &name()).unwrap(), [1]);
    });
}

/// A journal with its copy, as a file tool or a backup keeps it.
struct Kept {
    segment: Vec<u8>,
    state: Vec<u8>,
}

impl World {
    fn keep(&self) -> Kept {
        let segment = self.read(&layout::segment(&name(), 1));
        Kept { segment, state: self.read(&state_path()) }
    }

    fn put_back(&self, kept: &Kept) {
        self.write(&layout::segment(&name(), 1), &kept.segment);
        self.write(&state_path(), &kept.state);
    }
}

#[test]
fn a_journal_that_was_put_back_takes_no_write() {
    in_every_world(|world| {
        world.save_up_to(3);
        let early = world.keep();
        world.save_up_to(6);
        world.put_back(&early);
        let said = "it ends at version 3, and version 6 was answered with here";
        world.assert_all_say(3, said);
        world.assert_none_writes();
        world.restart();
        world.assert_all_say(3, said);
        world.assert_none_writes();
    });
}

#[test]
fn a_journal_put_back_and_continued_is_said() {
    in_every_world(|world| {
        world.save_up_to(3);
        let early = world.keep();
        world.save_up_to(6);
        world.put_back(&early);
        let unseen = Store::new(world.fs(), SIZES, Witness::none());
        (4..=9).for_each(|_| drop(save_content(&unseen, "another").unwrap()));
        world.restart();
        world.assert_all_say(9, "its version 6 is another one than the one that was answered");
        world.assert_none_writes();
    });
}

#[test]
fn another_journal_in_its_place_is_said() {
    in_every_world(|world| {
        world.save_up_to(3);
        let other = World::new(Kind::Real(tempfile::tempdir().unwrap()), 1);
        other.save_up_to(8);
        world.put_back(&other.keep());
        world.restart();
        world.assert_all_say(8, "it is another journal than the one whose version 3");
        world.assert_none_writes();
    });
}

#[test]
fn a_copied_workspace_says_when_it_is_older() {
    in_every_world(|world| {
        world.save_up_to(3);
        let early = world.keep();
        world.save_up_to(6);
        // As at another path, where nothing is known yet.
        world.put_back(&early);
        let elsewhere = || Store::new(world.fs(), SIZES, world.witness("/copy"));
        let there = elsewhere();
        let said = |warnings: &[String]| {
            let newer = "/project has version 6 of this journal";
            warnings.iter().any(|one| one.contains("older copy") && one.contains(newer))
        };
        assert!(said(&newest(&there).warnings));
        assert!(said(&save(&there).unwrap().warnings), "it goes on");
        assert!(said(&newest(&elsewhere()).warnings), "also a process that starts later says so");
        (5..=7).for_each(|_| drop(save(&there).unwrap()));
        assert_eq!(newest(&elsewhere()).warnings, Vec::<String>::new(), "it is the newest now");
    });
}

#[test]
fn a_folder_under_another_name_is_damage() {
    in_every_world(|world| {
        world.save_up_to(3);
        let kept = world.keep();
        let other = Name::parse("b").unwrap();
        for folder in [layout::artifact(&other), layout::journal(&other)] {
            world.fs().create_dir(&folder).unwrap();
        }
        world.write(&layout::segment(&other, 1), &kept.segment);
        world.write(&layout::in_artifact(&other, STATE_FILE), &kept.state);
        for store in &world.stores {
            let refused = store.standing(&other).unwrap_err();
            assert!(
                matches!(&refused, Fault::Corrupt(damage) if damage.contains("belongs to the artifact")),
                "{refused}"
            );
        }
    });
}

/// Accepts the journal as it is, and returns what was missing.
fn accept(store: &Store) -> Option<(Doubt, Newest)> {
    let found = Arc::new(parking_lot::Mutex::new(None));
    let told = Arc::clone(&found);
    let decide = move |transaction: &mut Transaction<'_>, doubt: &Doubt| {
        drop(transaction.append(draft("a", &json!("accepted"))).unwrap());
        *told.lock() = Some(doubt.clone());
    };
    let newest = store.accept(&name(), Box::new(decide)).unwrap();
    store.settle();
    let doubt = found.lock().take();
    doubt.zip(newest)
}

#[test]
fn an_accepted_journal_goes_on_above_all_versions_given() {
    in_every_world(|world| {
        world.save_up_to(3);
        let early = world.keep();
        world.save_up_to(6);
        world.put_back(&early);
        world.assert_none_writes();
        let (doubt, newest) = accept(&world.stores[0]).unwrap();
        assert_eq!((doubt.after, doubt.given, newest.snapshot.version), (3, 6, 7));
        world.assert_none_warns(7);
        world.save_up_to(9);
        world.restart();
        world.assert_none_warns(9);
        world.save_up_to(10);
        let store = &world.stores[0];
        let versions: Vec<Version> =
            store.read(&name(), 0, 100).unwrap().iter().map(|entry| entry.version).collect();
        assert_eq!(versions, [1, 2, 3, 7, 8, 9, 10]);
        assert_eq!(store.at(&name(), 5).unwrap().map(|at| at.version), None, "it is lost");
        assert_eq!(store.at(&name(), 3).unwrap().map(|at| at.version), Some(3));
        assert!(store.link(&name(), 10).unwrap().is_some(), "the chain holds over the gap");
        let errors = store.examine(&name()).unwrap();
        assert_eq!(errors, Vec::new());
        assert!(accept(store).is_none(), "there is nothing to accept any more");
    });
}

#[test]
fn another_journal_and_a_lost_end_are_accepted() {
    in_every_world(|world| {
        world.save_up_to(6);
        let other = World::new(Kind::Real(tempfile::tempdir().unwrap()), 1);
        other.save_up_to(3);
        world.put_back(&other.keep());
        world.restart();
        world.assert_none_writes();
        let (doubt, newest) = accept(&world.stores[0]).unwrap();
        assert_eq!((doubt.after, doubt.given, newest.snapshot.version), (3, 6, 7));
        world.assert_none_warns(7);
        let last = layout::segment(&name(), 4);
        world.forget();
        world.fs().remove(&last).unwrap();
        world.restart();
        world.assert_all_say(7, "it ends at version 3, and state.json says that version 7");
        let (doubt, newest) = accept(&world.stores[0]).unwrap();
        assert_eq!((doubt.after, doubt.given, newest.snapshot.version), (3, 7, 8));
        world.restart();
        world.assert_none_warns(8);
    });
}
