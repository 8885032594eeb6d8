//! The program on a terminal, with somebody who types.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd, retry_on_intr};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::PATIENCE;

/// What the screen shows when what is typed next is not to be seen.
pub(crate) const HIDDEN: &str = "input is hidden";

/// A terminal: the end at which somebody sits, the end at which a program runs, and its name.
fn open() -> (File, File, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    // A program that had this end too would never see it close.
    fcntl_setfd(&controller, FdFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(&name).unwrap();
    (File::from(controller), terminal, name)
}

/// Puts a command's streams on a terminal, which is the command's alone from then on.
fn put_on(command: &mut Command, terminal: File) {
    command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
    command.stderr(terminal);
}

/// Runs a command on a terminal of its own, types into it, and returns how it ended and what was
/// seen on the screen.
pub(crate) fn on_terminal(mut command: Command, typed: &str) -> (Option<i32>, String) {
    let (mut controller, terminal, _) = open();
    put_on(&mut command, terminal);
    let mut child = command.spawn().unwrap();
    drop(command);
    controller.write_all(typed.as_bytes()).unwrap();
    let screen = seen(&mut controller, "nothing that is ever shown\u{0}");
    (child.wait().unwrap().code(), screen)
}

/// Runs a command on a terminal that is its session's, as a shell does, and types each line once the
/// screen shows what it answers. Returns the same as [`on_terminal`].
pub(crate) fn conversation(command: &Command, lines: &[(&str, &str)]) -> (Option<i32>, String) {
    let (mut controller, terminal, name) = open();
    let mut session = in_session(command);
    put_on(&mut session, terminal);
    let mut child = session.spawn().unwrap();
    drop(session);
    let mut screen = String::new();
    for (shown, typed) in lines {
        screen.push_str(&seen(&mut controller, shown));
        if *shown == HIDDEN && screen.ends_with(HIDDEN) {
            wait_until_hidden(&name);
        }
        // It may have ended without asking.
        drop(controller.write_all(format!("{typed}\n").as_bytes()));
    }
    screen.push_str(&seen(&mut controller, "nothing that is ever shown\u{0}"));
    (child.wait().unwrap().code(), screen)
}

/// Returns the command as the leader of a session that its terminal belongs to.
fn in_session(command: &Command) -> Command {
    let mut session = Command::new("setsid");
    session.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => session.env(name, value),
            None => session.env_remove(name),
        };
    }
    session
}

/// Returns what is seen until a text is, or until the program has ended.
fn seen(controller: &mut File, text: &str) -> String {
    let (mut screen, mut byte) = (Vec::new(), [0]);
    while !screen.ends_with(text.as_bytes()) {
        wait_until_readable(controller, text, &screen);
        // Linux tells the end of a terminal by an error.
        match controller.read(&mut byte) {
            Ok(1..) => screen.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    String::from_utf8(screen).unwrap()
}

/// Waits until there is something to read, and fails when there is nothing for very long.
fn wait_until_readable(controller: &File, text: &str, screen: &[u8]) {
    let patience = Timespec::try_from(PATIENCE).unwrap();
    let mut readable = [PollFd::new(controller, PollFlags::IN)];
    let events = retry_on_intr(|| poll(&mut readable, Some(&patience))).unwrap();
    let screen = String::from_utf8_lossy(screen);
    assert!(events > 0, "the program neither ends nor shows {text:?}: {screen}");
}

/// Waits until a terminal does not show what is typed.
fn wait_until_hidden(terminal: &str) {
    let shows = || {
        let told = Command::new("stty").args(["-a", "-F", terminal]).stdin(Stdio::null()).output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap();
        told.split_whitespace().any(|word| word == "echo")
    };
    while shows() {
        std::thread::yield_now();
    }
}

/// Returns the end of a terminal at which somebody sits, and the end at which a program runs.
pub(crate) fn ends_of_a_terminal() -> (File, File) {
    let (controller, terminal, _) = open();
    (controller, terminal)
}
