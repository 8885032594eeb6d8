//! What the real disk says of a file, as the door reports it.

pub(super) use self::system::{kind_of, stat_of};

#[cfg(unix)]
mod system {
    use rustix::fs::{FileType, Stat as Found};

    use crate::disk::distrust::Kind;
    use crate::disk::fs::Stat;

    pub(in crate::disk) fn kind_of(stat: &Found) -> Kind {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Pipe,
            FileType::Socket => Kind::Socket,
            _ => Kind::Device,
        }
    }

    pub(in crate::disk) fn stat_of(stat: &Found) -> Stat {
        let nanoseconds =
            i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        Stat {
            bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            kind: kind_of(stat),
            id: stat.st_dev.rotate_left(32) ^ stat.st_ino,
            names: stat.st_nlink,
            owner: stat.st_uid,
            modified: nanoseconds.unsigned_abs(),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    use cap_std::fs::Metadata;

    use crate::disk::distrust::Kind;
    use crate::disk::fs::Stat;

    pub(in crate::disk) fn kind_of(metadata: &Metadata) -> Kind {
        let kind = metadata.file_type();
        if kind.is_symlink() {
            Kind::Link
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Device
        }
    }

    /// Without a file id, the creation time identifies a file.
    pub(in crate::disk) fn stat_of(metadata: &Metadata) -> Stat {
        let nanoseconds = |time: io::Result<cap_std::time::SystemTime>| {
            let time = time.ok().map(cap_std::time::SystemTime::into_std);
            let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            since.map_or(0, |since| since.as_nanos())
        };
        Stat {
            bytes: metadata.len(),
            kind: kind_of(metadata),
            id: u64::try_from(nanoseconds(metadata.created())).unwrap_or_default(),
            names: 1,
            owner: 0,
            modified: nanoseconds(metadata.modified()),
        }
    }
}
