//! A simulated disk, shared by simulated processes.
//!
//! A file has the content that processes see and the content that is on the medium. Writes change
//! the first and mark pages dirty; a flush copies dirty pages to the second. Folders do the same
//! with names. At a power cut every dirty page and every name decides for itself whether it made
//! it, files that grew have zeros where nothing was written, or garbage where that could do harm,
//! and a page may be torn at a sector. A flush that fails marks pages clean without having copied them, as Linux does, so
//! that trying again succeeds and proves nothing.
//!
//! Processes are threads that take turns: before every operation the scheduler, which is seeded,
//! decides whose it is. So a run is repeated by its seed.
#![expect(clippy::cast_possible_truncation, reason = "simulated files are small")]

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::distrust::Kind as FileKind;
use super::fs::{File, Fs, Mode, Stat};

pub(crate) const PAGE: usize = 4096;
const SECTOR: usize = 512;

/// A random number generator: small, seeded, and the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        // xorshift64*, by Sebastiano Vigna.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit.max(1)
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// What goes wrong, at which operation, counted over all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The power fails before the operation.
    PowerCut { at: usize },
    /// The process that is about to do the operation is killed.
    Kill { at: usize },
    /// The operation fails, and has had part of its effect if it is a write.
    Error { at: usize },
    /// From the operation on, there is room for nothing until that many writes have failed.
    Full { at: usize, writes: usize },
}

#[derive(Debug)]
enum Inode {
    File(FileContent),
    Folder(FolderContent),
}

#[derive(Debug, Default, Clone)]
struct FileContent {
    seen: Vec<u8>,
    stored: Vec<u8>,
    dirty: BTreeSet<usize>,
    modified: u128,
    /// Whether what a power cut did not write may be anything and not only zeros.
    may_be_garbled: bool,
}

#[derive(Debug, Default, Clone)]
struct FolderContent {
    seen: BTreeMap<String, u64>,
    stored: BTreeMap<String, u64>,
    pending: Vec<(String, Option<u64>)>,
}

#[derive(Debug)]
struct World {
    inodes: BTreeMap<u64, Inode>,
    last_inode: u64,
    clock: u128,
    operations: usize,
    /// The last operation of each process.
    last_operations: BTreeMap<usize, usize>,
    /// The kinds of the operations, for choosing what may go wrong with each.
    kinds: Vec<Kind>,
    fault: Fault,
    full_writes_left: usize,
    random: Random,
    power: bool,
    killed: BTreeSet<usize>,
    /// Who holds which lock, and who waits for which.
    locks: BTreeMap<u64, usize>,
    waiting: BTreeMap<usize, u64>,
    turn: usize,
    running: BTreeSet<usize>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Look,
    Write,
    Flush,
    Name,
    Lock,
}

/// The disk.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDisk {
    world: Arc<Mutex<World>>,
    /// One for each process, to be told that it is its turn.
    turns: Arc<[Condvar; PROCESSES_MAX]>,
}

const PROCESSES_MAX: usize = 4;

/// The disk as one process sees it.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    disk: SimulatedDisk,
    id: usize,
    /// The folder that its paths begin in.
    root: u64,
    /// Where that was when it was opened.
    path: String,
}

const ROOT: u64 = 1;

impl SimulatedDisk {
    pub(crate) fn new(seed: u64, fault: Fault) -> Self {
        let world = World {
            inodes: BTreeMap::from([(ROOT, Inode::Folder(FolderContent::default()))]),
            last_inode: ROOT,
            clock: 0,
            operations: 0,
            last_operations: BTreeMap::new(),
            kinds: Vec::new(),
            fault,
            full_writes_left: 0,
            random: Random::new(seed),
            power: true,
            killed: BTreeSet::new(),
            locks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            turn: 0,
            running: BTreeSet::new(),
        };
        Self { world: Arc::new(Mutex::new(world)), turns: Arc::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    /// Starts processes, by number, that take turns from now on.
    pub(crate) fn start(&self, processes: usize) -> Vec<Process> {
        let mut world = self.world();
        world.running = (0..processes).collect();
        world.turn = 0;
        let process = |id| Process { disk: self.clone(), id, root: ROOT, path: String::new() };
        (0..processes).map(process).collect()
    }

    /// The kinds of the operations so far.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.world().kinds.clone()
    }

    /// Lets the power fail, if it did not, and come back: what was not flushed decides for itself
    /// whether it is still there.
    pub(crate) fn restart(&self) {
        let mut world = self.world();
        let World { inodes, random, locks, .. } = &mut *world;
        for inode in inodes.values_mut() {
            match inode {
                Inode::File(file) => file.lose_power(random),
                Inode::Folder(folder) => folder.lose_power(random),
            }
        }
        locks.clear();
        world.power = true;
        drop(world);
        self.calm();
    }

    /// Lets nothing go wrong any more, and forgets who was killed.
    pub(crate) fn calm(&self) {
        let mut world = self.world();
        world.fault = Fault::None;
        world.full_writes_left = 0;
        world.killed.clear();
    }

    /// Damages the medium: flips a bit of a stored file.
    pub(crate) fn flip_bit(&self, path: &str, byte: usize) {
        let mut world = self.world();
        let id = world.find(ROOT, path).expect("the file exists");
        let Some(Inode::File(file)) = world.inodes.get_mut(&id) else {
            panic!("{path} is no file")
        };
        file.seen[byte] ^= 4;
        file.stored = file.seen.clone();
    }
}

impl FileContent {
    fn lose_power(&mut self, random: &mut Random) {
        let mut kept = std::mem::take(&mut self.stored);
        let grown = self.seen.len() > kept.len();
        let length = match random.below(3) {
            0 => kept.len(),
            1 => self.seen.len(),
            _ if grown => kept.len() + random.below(self.seen.len() - kept.len()),
            _ => self.seen.len(),
        };
        let garbage = self.may_be_garbled && random.chance(4);
        let old_length = kept.len();
        kept.resize(length, 0);
        if garbage && length > old_length {
            kept[old_length..].iter_mut().for_each(|byte| *byte = random.next().to_le_bytes()[3]);
        }
        for page in std::mem::take(&mut self.dirty) {
            let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(length).min(self.seen.len()));
            let end = match random.below(4) {
                0 | 1 => end,
                2 => (start + random.below(PAGE / SECTOR) * SECTOR).min(end),
                _ => start,
            };
            if start < end {
                kept[start..end].copy_from_slice(&self.seen[start..end]);
            }
        }
        self.seen.clone_from(&kept);
        self.stored = kept;
    }
}

impl FolderContent {
    fn bind(&mut self, name: &str, inode: Option<u64>) {
        match inode {
            Some(inode) => drop(self.seen.insert(name.to_owned(), inode)),
            None => drop(self.seen.remove(name)),
        }
        self.pending.push((name.to_owned(), inode));
    }

    fn lose_power(&mut self, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        let names: BTreeSet<&String> = pending.iter().map(|(name, _)| name).collect();
        for name in names {
            let changes: Vec<_> =
                pending.iter().filter(|(one, _)| one == name).map(|(_, inode)| *inode).collect();
            match random.below(changes.len() + 1) {
                0 => {}
                made_it => match changes[made_it - 1] {
                    Some(inode) => drop(self.stored.insert(name.clone(), inode)),
                    None => drop(self.stored.remove(name)),
                },
            }
        }
        self.seen.clone_from(&self.stored);
    }
}

impl World {
    fn find(&self, root: u64, path: &str) -> io::Result<u64> {
        let mut id = root;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let Some(Inode::Folder(folder)) = self.inodes.get(&id) else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            id = *folder.seen.get(part).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    fn folder(&mut self, root: u64, path: &str) -> io::Result<&mut FolderContent> {
        let id = self.find(root, path)?;
        match self.inodes.get_mut(&id) {
            Some(Inode::Folder(folder)) => Ok(folder),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, id: u64) -> &mut FileContent {
        match self.inodes.get_mut(&id) {
            Some(Inode::File(file)) => file,
            _ => panic!("inode {id} is no file"),
        }
    }

    fn make(&mut self, root: u64, path: &str, inode: Inode) -> io::Result<u64> {
        self.last_inode += 1;
        let id = self.last_inode;
        let (parent, name) = split(path);
        self.folder(root, parent)?.bind(name, Some(id));
        self.inodes.insert(id, inode);
        Ok(id)
    }

    /// Counts an operation and lets happen what is to go wrong with it. `Ok(true)` means that it
    /// has to fail after part of its effect.
    fn begin(&mut self, process: usize, kind: Kind) -> io::Result<bool> {
        if !self.power || self.killed.contains(&process) {
            return Err(io::Error::other("the process is dead"));
        }
        let index = self.operations;
        self.operations += 1;
        self.last_operations.insert(process, index);
        self.kinds.push(kind);
        self.clock += 1;
        match self.fault {
            Fault::PowerCut { at } if at == index => {
                self.power = false;
                Err(io::Error::other("the power failed"))
            }
            Fault::Kill { at } if at == index => {
                self.killed.insert(process);
                self.release(process);
                Err(io::Error::other("killed"))
            }
            Fault::Error { at } if at == index && kind != Kind::Lock => Ok(true),
            Fault::Full { at, writes } if at == index => {
                self.full_writes_left = writes;
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn is_full(&mut self) -> bool {
        let full = self.full_writes_left > 0;
        self.full_writes_left = self.full_writes_left.saturating_sub(1);
        full
    }

    fn stat(&self, id: u64) -> Stat {
        let (kind, bytes, modified) = match &self.inodes[&id] {
            Inode::File(file) => (FileKind::File, file.seen.len() as u64, file.modified),
            Inode::Folder(_) => (FileKind::Folder, 0, 0),
        };
        Stat { bytes, kind, id, names: 1, owner: 0, modified }
    }

    /// Gives the locks of a process back, and lets those go on that wait for them.
    fn release(&mut self, process: usize) {
        self.locks.retain(|_, holder| *holder != process);
        let locks = &self.locks;
        self.waiting.retain(|_, inode| locks.contains_key(inode));
    }

    /// Decides whose turn it is next: mostly that of the same process, since thread switches take
    /// most of the time of a run.
    fn hand_over(&mut self) {
        let ready = |process: &usize| !self.waiting.contains_key(process);
        let stays = self.running.contains(&self.turn) && ready(&self.turn);
        if stays && !self.random.chance(3) {
            return;
        }
        let others: Vec<usize> =
            self.running.iter().copied().filter(|one| !self.waiting.contains_key(one)).collect();
        if !others.is_empty() {
            self.turn = others[self.random.below(others.len())];
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn failed() -> io::Error {
    io::Error::other("input/output error")
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}
