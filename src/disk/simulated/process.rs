//! What a process does to the simulated disk, one operation at a time.

use super::*;

impl Process {
    /// Waits until it is this process's turn.
    fn wait(&self) -> MutexGuard<'_, World> {
        let mut world = self.disk.world();
        while world.turn != self.id && world.running.len() > 1 {
            self.disk.turns[self.id].wait(&mut world);
        }
        world
    }

    /// Hands the turn on.
    fn hand_over(&self, mut world: MutexGuard<'_, World>) {
        world.hand_over();
        let next = world.turn;
        drop(world);
        if next != self.id {
            self.disk.turns[next].notify_one();
        }
    }

    /// Does an operation when it is this process's turn, and hands the turn on.
    fn turn<T>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut World, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut world = self.wait();
        let result = world.begin(self.id, kind).and_then(|fails| work(&mut world, fails));
        self.hand_over(world);
        result
    }

    /// Returns the number of the process's last operation, counted over all processes.
    pub(crate) fn last_operation(&self) -> usize {
        self.disk.world().last_operations.get(&self.id).copied().unwrap_or(0)
    }

    /// Ends the process: it takes no more turns, and its locks are free.
    pub(crate) fn end(&self) {
        let mut world = self.wait();
        world.running.remove(&self.id);
        world.release(self.id);
        self.hand_over(world);
    }
}

impl Fs for Process {
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn File>> {
        let creates = matches!(mode, Mode::Create | Mode::CreateNew);
        let kind = if creates { Kind::Name } else { Kind::Look };
        let inode = self.turn(kind, |world, fails| {
            if fails {
                return Err(failed());
            }
            match world.find(self.root, path) {
                Ok(_) if mode == Mode::CreateNew => Err(io::ErrorKind::AlreadyExists.into()),
                Ok(id) => Ok(id),
                Err(error) if error.kind() == io::ErrorKind::NotFound && creates => {
                    if world.is_full() {
                        return Err(full());
                    }
                    let whole = format!("{}/{path}", self.path);
                    let may_be_garbled = whole.contains("/journal/") || whole.contains("/blobs/");
                    world.make(
                        self.root,
                        path,
                        Inode::File(FileContent { may_be_garbled, ..FileContent::default() }),
                    )
                }
                Err(error) => Err(error),
            }
        })?;
        Ok(Box::new(SimulatedFile { process: self.clone(), inode }))
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        self.turn(Kind::Look, |world, fails| {
            if fails { Err(failed()) } else { world.find(self.root, path).map(|id| world.stat(id)) }
        })
    }

    fn look(&self, path: &str) -> io::Result<Stat> {
        self.stat(path)
    }

    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>> {
        let root = self.turn(Kind::Look, |world, fails| {
            if fails {
                return Err(failed());
            }
            world.folder(self.root, path)?;
            world.find(self.root, path)
        })?;
        Ok(Arc::new(Self { root, path: format!("{}/{path}", self.path), ..self.clone() }))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.turn(Kind::Look, |world, fails| {
            if fails {
                Err(failed())
            } else {
                Ok(world.folder(self.root, path)?.seen.keys().cloned().collect())
            }
        })
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                return Err(failed());
            }
            match world.find(self.root, path) {
                Ok(_) => Ok(()),
                Err(_) if world.is_full() => Err(full()),
                Err(_) => {
                    world.make(self.root, path, Inode::Folder(FolderContent::default())).map(drop)
                }
            }
        })
    }

    fn flush_dir(&self, path: &str) -> io::Result<()> {
        self.turn(Kind::Flush, |world, fails| {
            if fails {
                return Err(failed());
            }
            let folder = world.folder(self.root, path)?;
            folder.pending.clear();
            folder.stored = folder.seen.clone();
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                return Err(failed());
            }
            let id = world.find(self.root, from)?;
            let ((from, from_name), (to, to_name)) = (split(from), split(to));
            world.folder(self.root, to)?.bind(to_name, Some(id));
            world.folder(self.root, from)?.bind(from_name, None);
            Ok(())
        })
    }

    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                return Err(failed());
            }
            if world.find(self.root, to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let id = world.find(self.root, from)?;
            let ((from, from_name), (to, to_name)) = (split(from), split(to));
            world.folder(self.root, to)?.bind(to_name, Some(id));
            world.folder(self.root, from)?.bind(from_name, None);
            Ok(())
        })
    }

    fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                return Err(failed());
            }
            let (one_id, other_id) = (world.find(self.root, one)?, world.find(self.root, other)?);
            let ((one, one_name), (other, other_name)) = (split(one), split(other));
            world.folder(self.root, one)?.bind(one_name, Some(other_id));
            world.folder(self.root, other)?.bind(other_name, Some(one_id));
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                return Err(failed());
            }
            let id = world.find(self.root, path)?;
            if matches!(world.inodes[&id], Inode::Folder(_)) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let (parent, name) = split(path);
            world.folder(self.root, parent)?.bind(name, None);
            Ok(())
        })
    }

    /// One that fails has removed half of what is in the folder.
    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.turn(Kind::Name, |world, fails| {
            if fails {
                let folder = world.folder(self.root, path)?;
                let names: Vec<String> = folder.seen.keys().cloned().collect();
                names.iter().step_by(2).for_each(|name| folder.bind(name, None));
                return Err(failed());
            }
            world.folder(self.root, path)?;
            let (parent, name) = split(path);
            world.folder(self.root, parent)?.bind(name, None);
            Ok(())
        })
    }

    /// The simulated disk has no permissions.
    fn copy_mode(&self, from: &str, _: &str) -> io::Result<()> {
        self.stat(from).map(drop)
    }

    fn new_id(&self) -> io::Result<u128> {
        let mut world = self.disk.world();
        Ok(u128::from(world.random.next()))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    process: Process,
    inode: u64,
}

impl SimulatedFile {
    /// Writes in one turn.
    fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.process.turn(Kind::Write, |world, fails| {
            let outcome = match (fails, world.is_full()) {
                (true, _) => Err(failed()),
                (_, true) => Err(full()),
                _ => Ok(()),
            };
            let part =
                if outcome.is_err() { world.random.below(bytes.len() + 1) } else { bytes.len() };
            let modified = world.clock;
            world.file(self.inode).put(offset as usize, &bytes[..part], modified);
            outcome
        })
    }
}

impl FileContent {
    fn put(&mut self, offset: usize, bytes: &[u8], modified: u128) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        self.seen.resize(self.seen.len().max(end), 0);
        self.seen[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / PAGE..=(end - 1) / PAGE);
        self.modified = modified;
    }
}

impl File for SimulatedFile {
    fn stat(&self) -> io::Result<Stat> {
        self.process.turn(Kind::Look, |world, fails| {
            if fails { Err(failed()) } else { Ok(world.stat(self.inode)) }
        })
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        self.process.turn(Kind::Look, |world, fails| {
            if fails {
                return Err(failed());
            }
            let content = &world.file(self.inode).seen;
            let start = (offset as usize).min(content.len());
            Ok(content[start..(start + bytes).min(content.len())].to_vec())
        })
    }

    /// A write of more than a page takes two turns, so that others can see half of it.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let half = if bytes.len() > 64 { bytes.len() / 2 } else { 0 };
        if half > 0 {
            self.put(offset, &bytes[..half])?;
        }
        self.put(offset + half as u64, &bytes[half..])
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.process.turn(Kind::Write, |world, fails| {
            if fails {
                return Err(failed());
            }
            let modified = world.clock;
            let file = world.file(self.inode);
            file.seen.resize(bytes as usize, 0);
            file.dirty.retain(|page| page * PAGE < bytes as usize);
            file.modified = modified;
            Ok(())
        })
    }

    fn flush(&self) -> io::Result<()> {
        self.process.turn(Kind::Flush, |world, fails| {
            let file = world.file(self.inode);
            let dirty = std::mem::take(&mut file.dirty);
            if fails {
                return Err(failed());
            }
            file.stored.resize(file.seen.len(), 0);
            for page in dirty {
                let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(file.seen.len()));
                file.stored[start..end].copy_from_slice(&file.seen[start..end]);
            }
            Ok(())
        })
    }

    /// Times out at once without a timeout, and else only when no other process can continue.
    fn lock(&self, timeout: Duration) -> io::Result<()> {
        let id = self.process.id;
        loop {
            let taken = self.process.turn(Kind::Lock, |world, _| {
                let holder = *world.locks.entry(self.inode).or_insert(id);
                if holder == id {
                    return Ok(true);
                }
                if timeout.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                world.waiting.insert(id, self.inode);
                if world.waiting.len() == world.running.len() {
                    Err(io::ErrorKind::TimedOut.into())
                } else {
                    Ok(false)
                }
            })?;
            if taken {
                return Ok(());
            }
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.process.turn(Kind::Lock, |world, _| {
            let (inode, id) = (self.inode, self.process.id);
            world.locks.retain(|one, holder| (*one, *holder) != (inode, id));
            world.waiting.retain(|_, one| *one != inode);
            Ok(())
        })
    }
}
