//! A command at a terminal, with somebody who types.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Finished, command};

/// Runs a subcommand whose standard input and error are a terminal, and types a line into it.
pub(crate) fn refiner_at_a_terminal(project: &Path, arguments: &[&str], typed: &str) -> Finished {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = ptsname(&ours, Vec::new()).unwrap();
    let theirs = Path::new(std::ffi::OsStr::from_bytes(theirs.as_bytes()));
    let end = || OpenOptions::new().read(true).write(true).open(theirs).unwrap();
    let mut command = command(project);
    command.args(arguments).stdin(end()).stderr(end()).stdout(Stdio::piped());
    // A terminal keeps what is typed before anybody reads.
    let mut ours = std::fs::File::from(ours);
    writeln!(ours, "{typed}").unwrap();
    let child = command.spawn().unwrap();
    // The command holds the last descriptors of its end, so that reading ours ends with it.
    drop(command);
    let reading = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Linux says with an error that the other end is gone.
        drop(std::io::copy(&mut ours, &mut shown));
        String::from_utf8_lossy(&shown).into_owned()
    });
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: reading.join().unwrap(),
    }
}
