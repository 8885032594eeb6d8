//! Two hundred changes of outputs, journal and certificate. Each is named.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Made, certified, verify};
use crate::common::{Finished, Journal, Random, framed};

/// Verifies against outputs and journal.
fn verify_all(made: &Made) -> Finished {
    let (key, dist) = (made.public_key(), made.dist());
    let project = made.project.path().to_owned();
    let rest: [&OsStr; 6] = [
        "--key".as_ref(),
        key.as_os_str(),
        "--dist".as_ref(),
        dist.as_os_str(),
        "--dir".as_ref(),
        project.as_os_str(),
    ];
    verify_in_place(&made.certificate(), &rest)
}

fn verify_in_place(certificate: &Path, rest: &[&OsStr]) -> Finished {
    verify(certificate, rest)
}

/// Returns what a verification says of a change: its disagreements or its refusal, as text.
fn named(found: &Finished, change: &str) -> String {
    assert!(matches!(found.code, Some(1 | 4)), "{change}: {found:?}");
    let said = found.json();
    match said["disagreements"].as_array() {
        Some(all) => {
            assert!(!all.is_empty(), "{change}: {found:?}");
            all.iter()
                .map(|one| format!("{} {} {}\n", one["part"], one["place"], one["problem"]))
                .collect()
        }
        None => said["message"].as_str().unwrap().to_owned(),
    }
}

/// Changes one bit of a file, runs the look, and puts the file back.
fn with_flipped(path: &Path, at: u64, bit: usize, look: impl FnOnce()) {
    let original = std::fs::read(path).unwrap();
    let mut changed = original.clone();
    let at = usize::try_from(at).unwrap() % changed.len();
    changed[at] ^= 1 << bit;
    std::fs::write(path, &changed).unwrap();
    look();
    std::fs::write(path, original).unwrap();
}

#[test]
fn eighty_changes_of_outputs_name_the_file() {
    let (made, mut random) = (certified(), Random::seeded(1));
    for number in 0..80 {
        let name = ["report.md", "notes/more.md"][number % 2];
        let path = made.dist().join(name);
        let check = |what: &str| {
            let said = named(&verify_all(&made), what);
            assert!(said.contains(name) && said.contains("outputs"), "{what}: {said}");
        };
        match number {
            0..70 => {
                let (at, bit) = (random.below(1 << 20), number % 8);
                with_flipped(&path, at, bit, || check("a flipped bit"));
            }
            _ => {
                let original = std::fs::read(&path).unwrap();
                std::fs::remove_file(&path).unwrap();
                match number % 5 {
                    0 => {}
                    1 => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                    2 => std::fs::create_dir(&path).unwrap(),
                    3 => std::fs::write(&path, "").unwrap(),
                    _ => std::fs::write(&path, [&original[..], b"\n"].concat()).unwrap(),
                }
                check("another entry");
                if path.is_dir() && !path.is_symlink() {
                    std::fs::remove_dir(&path).unwrap();
                } else {
                    drop(std::fs::remove_file(&path));
                }
                std::fs::write(&path, original).unwrap();
            }
        }
    }
    assert_eq!(verify_all(&made).code, Some(0));
}

#[test]
fn sixty_changes_of_the_certificate_name_the_field() {
    let (made, mut random) = (certified(), Random::seeded(2));
    let length = std::fs::metadata(made.certificate()).unwrap().len();
    for number in 0..60 {
        let at = match number {
            // The signature and the key's id are at the end.
            0..20 => length - 2 - random.below(200),
            _ => random.below(length - 1),
        };
        with_flipped(&made.certificate(), at, 0, || {
            let said = named(&verify_all(&made), "a flipped bit");
            let fields = ["payload", "signatures", "keyid", "sig", "DSSE"];
            assert!(fields.iter().any(|field| said.contains(field)), "byte {at}: {said}");
        });
    }
    assert_eq!(verify_all(&made).code, Some(0));
}

/// Goal: a change is named whether or not its author knows the format. Method: flipped bits; entries that
/// were changed and framed again; journals whose lines were all chained again.
#[test]
fn sixty_changes_of_the_journal_name_the_version() {
    let (made, mut random) = (certified(), Random::seeded(3));
    let path = made.project.of("trams", "journal/000000000001.jsonl");
    let journal = Journal::read(&made.project, "trams");
    let original = journal.lines.concat();
    for number in 0..60_u64 {
        match number % 3 {
            0 => {
                let (at, bit) = (random.below(original.len() as u64), (number % 7) as u32);
                let mut changed = original.clone();
                changed[usize::try_from(at).unwrap()] ^= 1 << bit;
                std::fs::write(&path, changed).unwrap();
            }
            kind => {
                let index =
                    1 + usize::try_from(random.below(journal.lines.len() as u64 - 1)).unwrap();
                let mut lines = journal.lines.clone();
                lines[index] = changed(&lines[index]);
                if kind == 2 {
                    chain_again(&mut lines, index);
                }
                std::fs::write(&path, lines.concat()).unwrap();
            }
        }
        let said = named(&verify_all(&made), &format!("change {number}"));
        assert!(said.contains("version") || said.contains("000000000001"), "{number}: {said}");
        std::fs::write(&path, &original).unwrap();
        repair(&made, &path, &original);
    }
    assert_eq!(verify_all(&made).code, Some(0));
}

/// Opening a damaged journal keeps its bytes elsewhere, and may leave marks of what it found.
fn repair(made: &Made, path: &PathBuf, original: &[u8]) {
    assert_eq!(std::fs::read(path).unwrap(), original);
    drop(std::fs::remove_dir_all(made.project.file("trash")));
}

/// Changes the actor of an entry, and frames the line again.
fn changed(line: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(line).unwrap();
    framed(text.replacen("refiner-cli", "refiner-cly", 1).as_bytes())
}

/// Gives each line after a changed one the digest of the line before it.
fn chain_again(lines: &mut [Vec<u8>], changed: usize) {
    for index in changed + 1..lines.len() {
        let entry: Value = serde_json::from_slice(&lines[index]).unwrap();
        let previous = blake3::hash(&lines[index - 1]).to_hex().to_string();
        let text = String::from_utf8(lines[index].clone()).unwrap();
        let old = entry["previous"].as_str().unwrap();
        lines[index] = framed(text.replacen(old, &previous, 1).as_bytes());
    }
}

#[test]
fn a_signed_lie_is_named_by_its_field() {
    let made = certified();
    let other = certified();
    // The same name, another journal, and a certificate that is true there.
    std::fs::copy(other.certificate(), made.certificate()).unwrap();
    std::fs::copy(other.public_key(), made.public_key()).unwrap();
    let found = verify_all(&made);
    assert_eq!(found.json()["disagreements"][0]["place"], json!("journal_id"), "{found:?}");
}
