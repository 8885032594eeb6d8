//! Commands: a program with arguments, without a shell. The program gets the event on standard
//! input and in its environment, and runs in the project's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::attempt::{Attempted, OUTPUT_BYTES_MAX, tail};
use super::event::Event;

/// How long to read after the program's end, because its child processes may hold its output open.
const READING_ON: Duration = Duration::from_millis(500);

/// Runs a command to its end, or kills it with all its child processes.
pub(super) async fn run(
    items: &[String],
    event: &Event,
    project: &Path,
    timeout: Duration,
) -> Attempted {
    let mut child = match spawn(items, event, project) {
        Ok(child) => child,
        Err(error) => return Attempted::failed(format!("{}: {error}", items[0])),
    };
    let group = Group::of(&child);
    let output = Arc::new(Mutex::new(Vec::new()));
    let ended = tokio::time::timeout(timeout, talk(&mut child, event, &output)).await;
    let printed = tail(&output.lock());
    match ended {
        Ok(Ok(status)) => {
            group.leave();
            Attempted {
                done: status.success(),
                exit_code: status.code(),
                reason: status.code().is_none().then(|| status.to_string()),
                output: printed,
                ..Attempted::default()
            }
        }
        Ok(Err(error)) => Attempted { output: printed, ..Attempted::failed(error.to_string()) },
        Err(_) => {
            drop(group);
            // The program was killed, so this ends soon.
            drop(child.wait().await);
            Attempted { output: printed, ..Attempted::timed_out(timeout) }
        }
    }
}

fn spawn(items: &[String], event: &Event, project: &Path) -> io::Result<Child> {
    let mut command = Command::new(program(&items[0], project));
    command.args(&items[1..]).current_dir(project).envs(event.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

/// Resolves a program: a name through `PATH`, a relative path from the project's folder.
fn program(named: &str, project: &Path) -> PathBuf {
    if named.contains('/') { project.join(named) } else { PathBuf::from(named) }
}

/// Writes the program's input, reads its output and waits for its end.
async fn talk(
    child: &mut Child,
    event: &Event,
    output: &Mutex<Vec<u8>>,
) -> io::Result<std::process::ExitStatus> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talking = pin!(join3(feed(stdin, event), keep(stdout, output), keep(stderr, output)));
    match select(pin!(child.wait()), talking).await {
        Either::Left((status, talking)) => {
            drop(tokio::time::timeout(READING_ON, talking).await);
            status
        }
        Either::Right((_, ending)) => ending.await,
    }
}

/// Writes the event. The program need not read it.
async fn feed(stdin: Option<ChildStdin>, event: &Event) {
    if let Some(mut stdin) = stdin {
        let line = format!("{}\n", json!(event));
        drop(stdin.write_all(line.as_bytes()).await);
    }
}

/// Reads to the end, and returns the last bytes.
async fn keep(from: Option<impl AsyncRead + Unpin>, output: &Mutex<Vec<u8>>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 4 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut output = output.lock();
        output.extend_from_slice(&buffer[..read]);
        let too_much = output.len().saturating_sub(OUTPUT_BYTES_MAX);
        output.drain(..too_much);
    }
}

/// A program with its child processes. Dropping it kills them.
struct Group(Option<u32>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Leaves the child processes running.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // The program may have ended already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;
    use crate::model::journal::lifecycle::LifecycleKind;

    async fn sh(script: &str, timeout: Duration) -> Attempted {
        let folder = tempfile::tempdir().unwrap();
        let items = ["sh", "-c", script].map(str::to_owned);
        run(&items, &event(LifecycleKind::OnPhaseStart, "plan"), folder.path(), timeout).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_command_gets_the_event_on_standard_input_and_in_its_environment() {
        let done = sh("cat; printf %s-%s $REFINER_EVENT_NAME $REFINER_EVENT_PHASE", LONG).await;
        assert!(done.done && done.exit_code == Some(0), "{done:?}");
        let (event, environment) = done.output.split_once('\n').unwrap();
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!((&event["artifact"], &event["iteration"]), (&json!("a"), &json!(2)));
        assert_eq!(environment, "on_phase_start-plan");
    }

    #[tokio::test]
    async fn how_a_command_failed_is_kept_with_the_end_of_what_it_printed() {
        let failed = sh("echo sorry >&2; exit 3", LONG).await;
        assert_eq!((failed.done, failed.exit_code, &*failed.output), (false, Some(3), "sorry\n"));
        let loud = sh("head -c 100000 /dev/zero | tr '\\0' x; echo end", LONG).await;
        assert!(
            loud.done && loud.output.len() == OUTPUT_BYTES_MAX && loud.output.ends_with("end\n")
        );
        let items = ["no-such-program-here".to_owned()];
        let event = event(LifecycleKind::OnPhaseStart, "plan");
        let absent = run(&items, &event, Path::new("/"), LONG).await;
        assert!(absent.reason.unwrap().starts_with("no-such-program-here: "));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "(sleep 30; touch survived) & echo $! > child; wait";
        let items = ["sh", "-c", script].map(str::to_owned);
        let event = event(LifecycleKind::OnPhaseStart, "plan");
        let late = run(&items, &event, folder.path(), Duration::from_secs(1)).await;
        assert_eq!(late.reason.as_deref(), Some("timed out after 1 s"));
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
        for _ in 0..500 {
            if is_gone(child) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a child process of the command still runs");
    }

    /// Returns whether a process has ended. A killed process may still be a zombie.
    fn is_gone(id: rustix::process::Pid) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
        state.map_or(true, |state| state.contains(") Z "))
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_does_not_keep_its_end_from_being_seen() {
        let done = sh("sleep 5 & echo done", LONG).await;
        assert_eq!((done.done, &*done.output), (true, "done\n"));
    }
}
