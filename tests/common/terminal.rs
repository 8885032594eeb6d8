//! The program on a terminal, with somebody who types.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs a command on a terminal of its own, types into it, and returns how it ended and what was
/// seen on the screen.
pub(crate) fn on_terminal(mut command: Command, typed: &str) -> (Option<i32>, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
    command.stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The terminal is the child's alone now, and ends with it.
    drop(command);
    let mut controller = File::from(controller);
    controller.write_all(typed.as_bytes()).unwrap();
    let mut screen = Vec::new();
    let mut bytes = [0; 4096];
    // Linux tells the end of a terminal by an error.
    while let Ok(count @ 1..) = controller.read(&mut bytes) {
        screen.extend_from_slice(&bytes[..count]);
    }
    (child.wait().unwrap().code(), String::from_utf8(screen).unwrap())
}
