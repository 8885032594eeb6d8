//! A command that the user allows exits with 0.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::super::{CommandPolicy, Context};
use super::{Built, Found, Kind, Measure, Method, Param, Params, Reading, Stop, Work, whole};
use crate::model::text::{named, plain};

pub(super) static METHOD: Method = Method {
    name: "command",
    description: "a command that the user allows in the project exits with 0, within 60 seconds by default",
    params: &[
        Param::required("command", Kind::Texts, "the program and its arguments, without a shell"),
        Param::optional("timeout_seconds", Kind::Number, "the time limit; 60 by default"),
    ],
    metrics: &["exit_code"],
    build,
};

const SECONDS_DEFAULT: f64 = 60.0;
const SECONDS_MAX: f64 = 3600.0;
/// Bytes of a command's output that are kept, from its end.
const TAIL_BYTES: usize = 4096;
/// How long to wait for the output after a command ended: its child processes may hold it open.
const OUTPUT_WAIT: Duration = Duration::from_secs(1);

fn build(params: &Params<'_>) -> Built {
    let seconds = params.number("timeout_seconds").unwrap_or(SECONDS_DEFAULT);
    if seconds > SECONDS_MAX {
        return Err(params.wrong("timeout_seconds", format!("{SECONDS_MAX} is the limit")));
    }
    let timeout = Duration::from_secs_f64(seconds);
    Ok(Box::new(RunCommand { command: params.texts("command"), timeout }))
}

/// Returns the command of a `validation`, if its method is `command`.
pub(in crate::checks) fn wanted(validation: &Map<String, Value>) -> Option<Vec<String>> {
    if validation.get("method")?.as_str()? != METHOD.name {
        return None;
    }
    let words = validation.get("params")?.get("command")?.as_array()?.iter();
    let words: Option<Vec<String>> = words.map(|word| word.as_str().map(str::to_owned)).collect();
    words.filter(|words| !words.is_empty())
}

#[derive(Debug)]
struct RunCommand {
    command: Vec<String>,
    timeout: Duration,
}

impl Measure for RunCommand {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let Some(policy) = self.policy(work.context) else {
            return Err(Stop::Unmeasured(self.not_allowed()));
        };
        work.look_at_everything()?;
        let timeout = self.timeout.min(policy.timeout);
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(&policy.directory);
        let ended = run(command, timeout).map_err(|error| {
            let shown = self.shown();
            Stop::Unmeasured(format!("the command {shown:?} cannot be run: {}", error.kind()))
        })?;
        Ok(whole(ended.found(timeout)))
    }

    fn hindrance(&self, context: &Context<'_>) -> Option<String> {
        self.policy(context).is_none().then(|| self.not_allowed())
    }
}

impl RunCommand {
    fn policy<'a>(&self, context: &Context<'a>) -> Option<&'a CommandPolicy> {
        context.commands.filter(|policy| policy.allows(&self.command))
    }

    fn not_allowed(&self) -> String {
        format!(
            "the command {:?} is not allowed in this project: your user can allow it with refiner \
             trust at a terminal, or under projects in their own refiner/config.json",
            self.shown()
        )
    }

    fn shown(&self) -> String {
        named(&self.command.join(" "))
    }
}

/// How a command ended.
struct Ended {
    /// None when it took too long.
    status: Option<ExitStatus>,
    tail: String,
}

impl Ended {
    fn found(self, timeout: Duration) -> Found {
        let output = if self.tail.is_empty() { String::new() } else { format!(": {}", self.tail) };
        let Some(status) = self.status else {
            return Found::violated(format!("took more than {timeout:?}{output}"));
        };
        let found = if status.success() {
            Found::satisfied(format!("exited with 0{output}"))
        } else {
            Found::violated(format!("ended with {status}{output}"))
        };
        match status.code() {
            Some(code) => found.with_number("exit_code", f64::from(code)),
            None => found,
        }
    }
}

/// Runs a program. Returns whether it exited with 0, and the end of what it printed; `None` when it
/// did not run, or took too long.
pub(in crate::checks) fn run_command(
    command: Command,
    timeout: Duration,
) -> Option<(bool, String)> {
    let ended = run(command, timeout).ok()?;
    Some((ended.status?.success(), ended.tail))
}

fn run(mut command: Command, timeout: Duration) -> std::io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    alone(&mut command);
    let mut child = command.spawn()?;
    let output = [child.stdout.take().map(tail), child.stderr.take().map(tail)];
    let status = wait(&mut child, timeout);
    if !matches!(status, Ok(Some(_))) {
        end(&mut child);
    }
    let deadline = Instant::now() + OUTPUT_WAIT;
    let left = || deadline.saturating_duration_since(Instant::now());
    let said = output.into_iter().flatten().filter_map(|tail| tail.recv_timeout(left()).ok());
    let said: Vec<String> = said.filter(|text| !text.is_empty()).collect();
    Ok(Ended { status: status?, tail: said.join(" ") })
}

/// Puts a command into its own process group, so its child processes can be ended with it.
#[cfg(unix)]
fn alone(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn alone(_command: &mut Command) {}

/// Waits for a command to end, or returns `None` when it takes too long.
fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    const PAUSE_MAX: Duration = Duration::from_millis(50);
    let deadline = Instant::now() + timeout;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Ends a command and its child processes. It is not a failure if the command has already ended.
fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    drop(child.kill());
    drop(child.wait());
}

/// Reads an output to its end, and sends the last of it as one line.
fn tail(mut output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0; TAIL_BYTES];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            kept.extend_from_slice(&buffer[..read]);
            kept.drain(..kept.len().saturating_sub(TAIL_BYTES));
        }
        // The receiver is gone when a child process held the output open for too long.
        drop(sender.send(last_of(&kept)));
    });
    receiver
}

fn last_of(output: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 200;
    let text = String::from_utf8_lossy(output);
    let text = plain(&text, TAIL_BYTES);
    let skipped = text.chars().count().saturating_sub(CHARACTERS_MAX);
    let last: String = text.chars().skip(skipped).collect();
    if skipped > 0 { format!("…{last}") } else { last }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::testing::{Dist, refused, run_with};
    use crate::checks::{CommandPolicy, Context};

    fn texts(command: &[&str]) -> Vec<String> {
        command.iter().map(|one| (*one).to_owned()).collect()
    }

    fn policy(allowed: &[&[&str]]) -> CommandPolicy {
        CommandPolicy {
            allowed: allowed.iter().map(|one| texts(one)).collect(),
            directory: std::env::temp_dir(),
            timeout: Duration::from_secs(20),
        }
    }

    fn run_allowed(command: &[&str], seconds: f64) -> String {
        let policy = policy(&[command]);
        let context = Context { manifest: None, commands: Some(&policy) };
        let params = json!({"command": command, "timeout_seconds": seconds});
        run_with("command", &params, &Dist::of(&[("a", "x")]), &context)
    }

    #[test]
    fn without_the_users_word_nothing_runs() {
        let dist = Dist::default();
        let params = json!({"command": ["sh", "-c", "exit 0"]});
        let says = "? the command \"sh -c exit 0\" is not allowed in this project: your user can allow it with refiner trust at a terminal, or under projects in their own refiner/config.json";
        assert_eq!(run_with("command", &params, &dist, &Context::default()), says);
        let other = policy(&[&["sh", "-c"], &["sh"], &["sh", "-c", "exit 0", "x"]]);
        let context = Context { manifest: None, commands: Some(&other) };
        assert_eq!(run_with("command", &params, &dist, &context), says);
    }

    #[cfg(unix)]
    #[test]
    fn how_a_command_ends_is_what_is_found() {
        let says = run_allowed(&["sh", "-c", "echo out; echo err >&2; exit 3"], 10.0);
        assert_eq!(says, "- ended with exit status: 3: out err");
        assert_eq!(run_allowed(&["true"], 10.0), "+ exited with 0");
        assert_eq!(run_allowed(&["echo", "$HOME;", "`id`"], 10.0), "+ exited with 0: $HOME; `id`");
        assert_eq!(
            run_allowed(&["no-such-program-here"], 10.0),
            "? the command \"no-such-program-here\" cannot be run: entity not found"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_takes_too_long_is_ended_with_what_it_started() {
        let begun = Instant::now();
        let says = run_allowed(&["sh", "-c", "echo begun; sleep 30 & sleep 30"], 0.3);
        assert_eq!(says, "- took more than 300ms: begun");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[cfg(unix)]
    #[test]
    fn a_long_output_is_cut_to_its_end() {
        let says = run_allowed(&["sh", "-c", "yes ü | head -n 100000; echo end"], 20.0);
        assert!(says.starts_with("+ exited with 0: …") && says.ends_with(" ü end"), "{says}");
        assert!(says.chars().count() < 250);
    }

    #[test]
    fn a_command_is_a_list_and_not_a_line_for_a_shell() {
        assert_eq!(refused("command", &json!({"command": "rm -rf /"})), ["command"]);
        assert_eq!(
            refused("command", &json!({"command": ["a"], "timeout_seconds": 9999})),
            ["timeout_seconds"]
        );
    }
}
