//! The program's system calls, counted by `strace`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::command;

/// A file with the system calls of a process and its threads.
#[derive(Debug)]
pub(crate) struct Trace {
    file: PathBuf,
}

/// Returns a subcommand that is run under `strace`, and where its system calls will be.
pub(crate) fn traced(project: &Path, calls: &str, file: &Path) -> (Command, Trace) {
    let program = command(project);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-e", &format!("trace={calls}"), "-o"]).arg(file).arg("--");
    traced.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    (traced, Trace { file: file.to_owned() })
}

/// A system call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The path of the file that it was made on, if it was.
    pub(crate) path: String,
    /// What it returned, when the line says so.
    pub(crate) returned: Option<i64>,
}

impl Trace {
    /// Returns the calls in the order in which they began.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let text = std::fs::read_to_string(&self.file)
            .unwrap_or_else(|error| panic!("{error}: is strace installed?"));
        let mut calls: Vec<(String, Call)> = Vec::new();
        for line in text.lines() {
            let Some((thread, what)) = line.split_once(' ') else { continue };
            let (thread, what) = (thread.to_owned(), what.trim_start());
            if let Some(resumed) = what.strip_prefix("<... ") {
                let begun = calls.iter_mut().rev().find(|(of, call)| {
                    *of == thread && call.returned.is_none() && resumed.starts_with(&call.name)
                });
                if let Some((_, call)) = begun {
                    call.returned = returned(resumed);
                }
            } else if let Some((name, arguments)) = what.split_once('(').filter(is_known) {
                let path = path_of(name, arguments);
                calls.push((thread, Call { name: name.into(), path, returned: returned(what) }));
            }
        }
        calls.into_iter().map(|(_, call)| call).collect()
    }
}

/// Whether `strace` saw which call it was. Of a thread that ends with its process it may not.
fn is_known((name, _): &(&str, &str)) -> bool {
    *name != "???"
}

/// The path that `-y` prints after the first file descriptor, with the name in it that follows where the
/// call takes one.
fn path_of(call: &str, arguments: &str) -> String {
    let Some((path, rest)) = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>'))
    else {
        return String::new();
    };
    let takes_name = call.ends_with("at") || call.ends_with("at2") || call == "statx";
    let name = rest.strip_prefix(", \"").and_then(|rest| rest.split_once('"'));
    let name = name.filter(|_| takes_name);
    let path = name.map_or(PathBuf::from(path), |(name, _)| Path::new(path).join(name));
    path.to_string_lossy().into_owned()
}

fn returned(text: &str) -> Option<i64> {
    let (_, result) = text.rsplit_once(" = ")?;
    result.split([' ', '<']).next()?.parse().ok()
}
