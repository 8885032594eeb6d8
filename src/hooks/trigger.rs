//! Triggers: which event starts which action. They are data from a file, which is checked as a
//! whole before use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::event::{Event, is_variable};
use super::render::{self, Place};
use crate::model::journal::lifecycle::LifecycleKind;
use crate::model::refusal::Unmet;
use crate::model::workflow::guard::{Guard, WrittenPart};

const TRIGGERS_MAX: usize = 50;
const NAME_CHARACTERS_MAX: usize = 64;
const COMMAND_ITEMS_MAX: usize = 64;
const HEADERS_MAX: usize = 32;
const TIMEOUT_SECONDS_MAX: u64 = 600;
const ATTEMPTS_MAX: u32 = 10;
const DELAY_SECONDS_MAX: f64 = 60.0;

/// An action on a kind of event.
#[derive(Debug)]
pub(super) struct Trigger {
    /// The trigger's name, unique in its file.
    pub(super) name: String,
    /// The kind of event that starts it.
    pub(super) on: LifecycleKind,
    /// The condition's source text.
    pub(super) condition: Option<String>,
    guard: Option<Guard>,
    /// The action.
    pub(super) target: Target,
    /// Time limit of one attempt.
    pub(super) timeout: Duration,
    /// Number of attempts.
    pub(super) attempts: u32,
    /// Pause before the second attempt.
    pub(super) delay: Duration,
}

/// The action of a trigger.
#[derive(Debug)]
pub(super) enum Target {
    /// Run a program, without a shell.
    Command(Vec<String>),
    /// Post the event to a URL.
    Webhook { url: String, headers: BTreeMap<String, String> },
    /// Ask the host to call a tool of another server.
    McpTool { tool: String, arguments: Map<String, Value> },
    /// Ask the host to follow a file.
    Workflow(String),
}

impl Target {
    /// Returns the name of this kind in triggers and in the log.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Webhook { .. } => "webhook",
            Self::McpTool { .. } => "mcp_tool",
            Self::Workflow(_) => "workflow",
        }
    }

    /// Returns whether the host performs the action.
    pub(super) fn is_for_host(&self) -> bool {
        matches!(self, Self::McpTool { .. } | Self::Workflow(_))
    }
}

/// The written form of a trigger file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    triggers: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    on: LifecycleKind,
    condition: Option<String>,
    command: Option<Vec<String>>,
    webhook: Option<WrittenWebhook>,
    mcp_tool: Option<WrittenTool>,
    workflow: Option<String>,
    #[serde(default = "default_timeout")]
    timeout_seconds: u64,
    #[serde(default)]
    retry: Retry,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWebhook {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTool {
    tool: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retry {
    attempts: u32,
    delay_seconds: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, delay_seconds: 1.0 }
    }
}

fn default_timeout() -> u64 {
    30
}

fn yes() -> bool {
    true
}

/// Parses a trigger file, and returns the enabled triggers, or what is wrong with the file.
pub(super) fn parse(content: &[u8]) -> Result<Vec<Trigger>, String> {
    let file: File = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if file.triggers.len() > TRIGGERS_MAX {
        return Err(format!("{} triggers, but the limit is {TRIGGERS_MAX}", file.triggers.len()));
    }
    let mut names = BTreeSet::new();
    let mut triggers = Vec::new();
    for (index, written) in file.triggers.into_iter().enumerate() {
        let place = |problem: String| format!("/triggers/{index}: {problem}");
        if !names.insert(written.name.clone()) {
            return Err(place(format!("the name {:?} occurs twice", written.name)));
        }
        let enabled = written.enabled;
        let trigger = Trigger::checked(written).map_err(place)?;
        triggers.extend(Some(trigger).filter(|_| enabled));
    }
    Ok(triggers)
}

impl Trigger {
    fn checked(written: Written) -> Result<Self, String> {
        check_name(&written.name)?;
        within("timeout_seconds", written.timeout_seconds, 1, TIMEOUT_SECONDS_MAX)?;
        within("retry/attempts", written.retry.attempts, 1, ATTEMPTS_MAX)?;
        within("retry/delay_seconds", written.retry.delay_seconds, 0.0, DELAY_SECONDS_MAX)?;
        let guard = written.condition.as_ref().map(|condition| {
            let part = WrittenPart::Condition(condition.clone());
            Guard::compile(&written.name, &[part], &is_variable)
                .map_err(|(_, reason)| format!("condition: {reason}"))
        });
        Ok(Self {
            guard: guard.transpose()?,
            target: target(written.command, written.webhook, written.mcp_tool, written.workflow)?,
            name: written.name,
            on: written.on,
            condition: written.condition,
            timeout: Duration::from_secs(written.timeout_seconds),
            attempts: written.retry.attempts,
            delay: Duration::from_secs_f64(written.retry.delay_seconds),
        })
    }

    /// Returns why an event does not meet the condition, or `None` if it does.
    pub(super) fn unmet(&self, event: &Event) -> Option<Unmet> {
        let facts = event.facts();
        let unmet = self.guard.as_ref()?.unmet(&|name| facts.get(name).cloned());
        unmet.into_iter().next()
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_CHARACTERS_MAX && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(format!("name: expected 1 to {NAME_CHARACTERS_MAX} of a-z A-Z 0-9 . _ -"))
    }
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    given: T,
    least: T,
    most: T,
) -> Result<(), String> {
    if (least..=most).contains(&given) {
        Ok(())
    } else {
        Err(format!("{field}: {given} is not between {least} and {most}"))
    }
}

fn target(
    command: Option<Vec<String>>,
    webhook: Option<WrittenWebhook>,
    tool: Option<WrittenTool>,
    workflow: Option<String>,
) -> Result<Target, String> {
    match (command, webhook, tool, workflow) {
        (Some(command), None, None, None) => checked_command(command),
        (None, Some(webhook), None, None) => checked_webhook(webhook),
        (None, None, Some(tool), None) => checked_tool(tool),
        (None, None, None, Some(file)) => checked_file(file),
        _ => Err("exactly one of command, webhook, mcp_tool and workflow is required".into()),
    }
}

/// Checks a command. The program itself cannot be a template, so that no event chooses it.
fn checked_command(command: Vec<String>) -> Result<Target, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("command: a program is required".into());
    };
    if program.is_empty() || render::is_template(program) {
        return Err("command/0: the program must not contain variables".into());
    }
    within("command: the number of items", command.len(), 1, COMMAND_ITEMS_MAX)?;
    for (index, argument) in arguments.iter().enumerate() {
        render::check(argument).map_err(|reason| format!("command/{}: {reason}", index + 1))?;
    }
    Ok(Target::Command(command))
}

/// Checks a URL. Scheme and host cannot be templates, so that no event chooses the receiver.
fn checked_webhook(webhook: WrittenWebhook) -> Result<Target, String> {
    let WrittenWebhook { url, headers } = webhook;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or("webhook/url: the URL must begin with http:// or https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || render::is_template(host) || host.contains(['{', '\\']) {
        return Err("webhook/url: the host must not contain variables".into());
    }
    render::check(&url).map_err(|reason| format!("webhook/url: {reason}"))?;
    within("webhook/headers: the number of headers", headers.len(), 0, HEADERS_MAX)?;
    Ok(Target::Webhook { url, headers })
}

fn checked_tool(tool: WrittenTool) -> Result<Target, String> {
    let WrittenTool { tool, arguments } = tool;
    check_name(&tool.replace([':', '/'], "_"))
        .map_err(|reason| format!("mcp_tool/tool: {reason}"))?;
    check_texts(&Value::Object(arguments.clone()))
        .map_err(|reason| format!("mcp_tool/arguments: {reason}"))?;
    Ok(Target::McpTool { tool, arguments })
}

fn check_texts(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => render::check(text),
        Value::Array(items) => items.iter().try_for_each(check_texts),
        Value::Object(fields) => fields.values().try_for_each(check_texts),
        _ => Ok(()),
    }
}

fn checked_file(file: String) -> Result<Target, String> {
    let file = inside_project(file)?;
    render::check(&file).map_err(|reason| format!("workflow: {reason}"))?;
    Ok(Target::Workflow(file))
}

/// Checks that a path stays within the project's folder.
fn inside_project(file: String) -> Result<String, String> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let inside = file.split('/').all(is_plain) && !file.contains(['\\', ':']);
    if inside && !file.chars().any(char::is_control) && file.len() <= 200 {
        Ok(file)
    } else {
        Err("workflow: the path must lie below the project's folder".into())
    }
}

/// A target rendered for an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filled {
    /// The program and its arguments.
    Command(Vec<String>),
    /// A URL.
    Webhook(String),
    /// A tool and its arguments.
    McpTool(String, Value),
    /// A file.
    Workflow(String),
}

impl Trigger {
    /// Renders the target. Each value stays within its item.
    pub(super) fn filled(&self, event: &Event) -> Result<Filled, String> {
        let facts = event.facts();
        let whole = |text: &String| render::render(text, &facts, Place::Whole);
        Ok(match &self.target {
            Target::Command(items) => {
                Filled::Command(items.iter().map(whole).collect::<Result<_, _>>()?)
            }
            Target::Webhook { url, .. } => {
                Filled::Webhook(render::render(url, &facts, Place::Url)?)
            }
            Target::McpTool { tool, arguments } => {
                let arguments = Value::Object(arguments.clone());
                Filled::McpTool(tool.clone(), render::render_all(&arguments, &facts)?)
            }
            Target::Workflow(file) => Filled::Workflow(inside_project(whole(file)?)?),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::super::event::tests::event;
    use super::*;

    /// Parses one trigger.
    pub(in crate::hooks) fn trigger(written: &Value) -> Result<Trigger, String> {
        let file = json!({ "triggers": [written] });
        parse(file.to_string().as_bytes()).map(|mut triggers| triggers.remove(0))
    }

    #[test]
    fn a_trigger_has_defaults_and_one_target() {
        let plain = trigger(&json!({"name": "n", "on": "on_phase_start", "command": ["true"]}));
        let plain = plain.unwrap();
        assert_eq!((plain.timeout.as_secs(), plain.attempts, plain.delay.as_secs()), (30, 3, 1));
        assert_eq!((plain.on, plain.target.kind()), (LifecycleKind::OnPhaseStart, "command"));
        assert!(plain.unmet(&event(LifecycleKind::OnPhaseStart, "plan")).is_none());
        let off = json!({"triggers": [
            {"name": "n", "on": "on_recovery", "workflow": "a.md", "enabled": false}]});
        assert_eq!(parse(off.to_string().as_bytes()).unwrap().len(), 0);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named_with_its_place() {
        let with = |field: &str, value: Value| {
            let mut written = json!({"name": "n", "on": "on_phase_start", "command": ["true"]});
            written[field] = value;
            trigger(&written).unwrap_err()
        };
        for (field, value, says) in [
            ("name", json!("a b"), "name: "),
            ("on", json!("on_lunch"), "on_lunch"),
            ("condition", json!("phase =="), "condition: "),
            ("condition", json!("secret == 1"), "undeclared variable secret"),
            ("timeout_seconds", json!(601), "timeout_seconds: 601"),
            ("retry", json!({"attempts": 11}), "retry/attempts: 11"),
            ("retry", json!({"delay_seconds": -1}), "retry/delay_seconds: -1"),
            ("command", json!([]), "a program is required"),
            ("command", json!(["{{ artifact }}"]), "command/0"),
            ("command", json!(["a", "{{ unknown }}"]), "command/1: unknown variable unknown"),
            ("command", json!("rm -rf"), "invalid type"),
            ("workflow", json!("a.md"), "one of command"),
            ("colour", json!(1), "unknown field"),
        ] {
            let problem = with(field, value);
            assert!(problem.contains(says), "{problem}");
        }
        assert!(parse(b"{").is_err() && parse(b"[]").is_err() && parse(&[0xff]).is_err());
        let two = json!({"name": "n", "on": "on_recovery", "workflow": "a.md"});
        let twice = json!({"triggers": [two, two]}).to_string();
        assert!(parse(twice.as_bytes()).unwrap_err().starts_with("/triggers/1: "));
    }

    #[test]
    fn no_event_chooses_the_program_the_host_or_a_place_outside_of_the_project() {
        for target in [
            json!({"webhook": {"url": "https://{{ artifact }}/x"}}),
            json!({"webhook": {"url": "https://a{{ artifact }}.example/x"}}),
            json!({"webhook": {"url": "{{ artifact }}"}}),
            json!({"webhook": {"url": "file:///etc/passwd"}}),
            json!({"workflow": "../x"}),
            json!({"workflow": "/etc/x"}),
            json!({"workflow": ""}),
            json!({"mcp_tool": {"tool": "two words"}}),
        ] {
            let mut written = target.clone();
            written["name"] = json!("n");
            written["on"] = json!("on_regression");
            assert!(trigger(&written).is_err(), "{target}");
        }
    }

    #[test]
    fn a_value_stays_within_its_item_whatever_it_holds() {
        let written = json!({"name": "n", "on": "on_phase_start",
            "command": ["echo", "{{ phase }}", "x-{{ iteration }}"]});
        let filled = trigger(&written).unwrap();
        let filled =
            filled.filled(&event(LifecycleKind::OnPhaseStart, "a; rm -rf \"$HOME\" {{ id }}"));
        let items = ["echo", "a; rm -rf \"$HOME\" {{ id }}", "x-2"].map(str::to_owned).to_vec();
        assert_eq!(filled, Ok(Filled::Command(items)));
    }

    #[test]
    fn a_condition_sees_the_event_and_one_that_fails_does_not_hold() {
        let with = |condition: &str| {
            let written = json!({"name": "n", "on": "on_phase_start", "command": ["true"],
                "condition": condition});
            trigger(&written).unwrap().unmet(&event(LifecycleKind::OnPhaseStart, "plan")).is_none()
        };
        assert!(with("phase == 'plan' && iteration > 1 && artifact == 'a'"));
        assert!(with(
            "event == 'on_phase_start' && workflow.startsWith('pm') && artifact_type == ''"
        ));
        assert!(!with("phase == 'execute'"));
        assert!(!with("detail.absent == 1"));
    }
}
