//! What a stranger may put into a folder, and what the door does about it.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::FileType;

use super::*;

/// What a stranger may put in place of a file or folder.
const HOSTILE: [&str; 7] =
    ["to-file", "to-folder", "to-nothing", "to-outside", "to-itself", "pipe", "socket"];

struct Place {
    folder: tempfile::TempDir,
    outside: tempfile::TempDir,
    _socket: UnixListener,
}

impl Place {
    fn new() -> Self {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::fs::write(at("file"), "12345").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("folder/inner"), "inner").unwrap();
        symlink("file", at("to-file")).unwrap();
        symlink("folder", at("to-folder")).unwrap();
        symlink("nothing", at("to-nothing")).unwrap();
        symlink(outside.path(), at("to-outside")).unwrap();
        symlink("to-itself", at("to-itself")).unwrap();
        make_node(&at("pipe"), FileType::Fifo).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        Self { folder, outside, _socket }
    }

    fn open(&self) -> Folder {
        Folder::at(self.folder.path(), "place", Owners::user()).unwrap()
    }

    /// Fails unless everything that a link leads to is as it was.
    fn check_untouched(&self) {
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(self.folder.path().join("file")), "12345");
        assert_eq!(read(self.folder.path().join("folder/inner")), "inner");
        assert_eq!(read(self.outside.path().join("secret")), "secret");
        assert_eq!(std::fs::read_dir(self.outside.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(self.folder.path().join("folder")).unwrap().count(), 1);
    }
}

fn make_node(path: &Path, kind: FileType) -> rustix::io::Result<()> {
    let permissions = Permissions::from_bits_retain(0o600);
    // The null device, where a device is made.
    let device = rustix::fs::makedev(1, 3);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, permissions, device)
}

fn is_distrusted<T: std::fmt::Debug>(what: &str, result: io::Result<T>) {
    let error = result.expect_err(what);
    assert!(Distrusted::of(&error).is_some(), "{what}: {error:?}");
}

#[test]
fn only_regular_files_and_folders_are_opened() {
    let place = Place::new();
    let folder = place.open();
    for name in HOSTILE {
        for mode in [Mode::Read, Mode::Write, Mode::Create] {
            is_distrusted(&format!("{name} {mode:?}"), folder.open(name, mode));
        }
        let inner = format!("{name}/inner");
        is_distrusted(&inner, folder.open(&inner, Mode::Read));
        is_distrusted(&inner, folder.open(&inner, Mode::Create));
        is_distrusted(&inner, folder.stat(&inner));
        is_distrusted(&inner, folder.remove(&inner));
        is_distrusted(&inner, folder.rename("file", &inner));
        is_distrusted(&inner, folder.create_dir(&inner));
        is_distrusted(name, folder.list(name));
        is_distrusted(name, folder.folder(name).map(drop));
        is_distrusted(name, folder.create_dir(name));
        is_distrusted(name, folder.flush_dir(name));
        assert_ne!(folder.stat(name).unwrap().kind, Kind::File, "{name}");
        let taken = folder.open(name, Mode::CreateNew).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists, "{name}");
    }
    assert_eq!(folder.list("").unwrap().len(), HOSTILE.len() + 2);
    place.check_untouched();
}

#[test]
fn the_way_without_openat2_follows_no_link_either() {
    let place = Place::new();
    let handle = rustix::fs::open(place.folder.path(), ON_THE_WAY, Permissions::empty()).unwrap();
    assert!(step_by_step(&handle, "folder", way_flags()).is_ok());
    for name in HOSTILE.into_iter().chain(["..", "folder/..", "folder//x", "file", ""]) {
        assert!(step_by_step(&handle, name, way_flags()).is_err(), "{name}");
    }
}

#[test]
fn what_is_in_place_of_a_file_is_replaced_and_not_followed() {
    for name in HOSTILE.into_iter().chain(["folder"]) {
        for temporary in [format!("x{}", fs::TEMPORARY_SUFFIX), "x".to_owned()] {
            let place = Place::new();
            let folder = place.open();
            folder.rename(name, &temporary).unwrap();
            fs::write_replaceable(&folder, "x", b"new").unwrap();
            assert_eq!(fs::read(&folder, "x", 9).unwrap().unwrap(), b"new", "{name}");
            assert_eq!(folder.list("").unwrap().len(), HOSTILE.len() + 2, "{name}");
            if name != "folder" {
                place.check_untouched();
            }
        }
    }
}

#[test]
fn a_folder_is_removed_and_what_its_links_lead_to_is_not() {
    let place = Place::new();
    let folder = place.open();
    folder.create_dir("gone").unwrap();
    for name in HOSTILE {
        folder.rename(name, &format!("gone/{name}")).unwrap();
    }
    folder.remove_folder("gone").unwrap();
    assert!(fs::is_absent(&folder.stat("gone").unwrap_err()));
    place.check_untouched();
}

#[test]
fn a_file_with_two_names_is_read_and_not_written() {
    let place = Place::new();
    let folder = place.open();
    std::fs::hard_link(place.folder.path().join("file"), place.folder.path().join("twin")).unwrap();
    assert!(folder.open("twin", Mode::Read).is_ok());
    for mode in [Mode::Write, Mode::Create] {
        is_distrusted("twin", folder.open("twin", mode));
    }
}

#[test]
fn a_sparse_file_is_refused_before_it_is_read() {
    let place = Place::new();
    let folder = place.open();
    folder.open("sparse", Mode::CreateNew).unwrap().truncate(4 << 40).unwrap();
    is_distrusted("sparse", fs::read(&folder, "sparse", 32 << 20));
}

/// Goal: the owner decides. Method: the door is told who is trusted, so that no other user has to
/// exist; where the test may, a file is given to another one.
#[test]
fn what_belongs_to_another_user_is_not_opened() {
    let place = Place::new();
    let user = rustix::process::geteuid().as_raw();
    let stranger = Owners::only(&[user + 1]);
    is_distrusted("root", Folder::at(place.folder.path(), "", stranger.clone()));
    let own = place.open();
    let folder = Folder { owners: stranger, ..place.open() };
    is_distrusted("file", folder.open("file", Mode::Read));
    is_distrusted("folder", folder.folder("folder").map(drop));
    assert!(folder.stat("file").is_ok(), "a look opens nothing");
    if user == 0 {
        let given = Some(Uid::from_raw(1234));
        rustix::fs::chownat(&own.handle, "file", given, None, AtFlags::empty()).unwrap();
        is_distrusted("file", own.open("file", Mode::Read));
        let device = place.folder.path().join("device");
        make_node(&device, FileType::CharacterDevice).unwrap();
        is_distrusted("device", own.open("device", Mode::Read));
    }
}

#[test]
fn what_root_makes_in_the_folder_of_a_user_belongs_to_the_user() {
    let place = Place::new();
    let user = rustix::process::geteuid();
    let heir = if user.is_root() { Uid::from_raw(1234) } else { user };
    let group = rustix::process::getegid();
    let folder = Folder { heir: Some((heir, group)), owners: Owners::ANY, ..place.open() };
    drop(folder.open("made", Mode::Create).unwrap());
    folder.create_dir("made-folder").unwrap();
    for made in ["made", "made-folder"] {
        assert_eq!(folder.stat(made).unwrap().owner, heir.as_raw(), "{made}");
    }
}
