//! `refiner install`: adds the server to a host's configuration file.

mod document;
mod edit;
mod entry;
mod hosts;
mod hunk;
mod json;
mod launch;
mod place;
mod toml;

use std::io;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use self::document::Problem;
use self::edit::{Change, Wanted, change};
use self::entry::{Entry, agrees, entry};
use self::hosts::{HOSTS, Host};
use self::launch::{Launch, checked_url, checked_variable};
use super::output::{BOLD, DIM, GOOD, Output, Page, WARN};
use super::{Failure, project, serve};
use crate::disk::ConfigurationFile;
use crate::model::Refusal;
use crate::service::{Clock as _, SystemClock};

#[derive(Debug, clap::Args)]
pub(super) struct Install {
    /// The host to configure
    #[arg(value_parser = host())]
    host: &'static Host,
    /// Write to the project's shared configuration file instead of your own
    #[arg(long)]
    project: bool,
    /// Connect to a running server instead of starting one
    #[arg(long, value_name = "URL", value_parser = checked_url, conflicts_with = "tools")]
    http: Option<String>,
    /// The host's environment variable that contains the server's token
    #[arg(long, value_name = "NAME", value_parser = checked_variable, requires = "http")]
    token_env: Option<String>,
    /// The tools that the host sees: all, core, pmpo, or comma-separated names
    #[arg(long, value_name = "SET", value_parser = serve::checked_tools)]
    tools: Option<String>,
    /// Show the change without writing it
    #[arg(long)]
    print: bool,
    /// Replace an existing entry that differs
    #[arg(long, conflicts_with = "remove")]
    force: bool,
    /// Remove the entry
    #[arg(long, conflicts_with_all = ["http", "token_env", "tools"])]
    remove: bool,
}

/// Returns the parser for a host's name.
fn host() -> impl TypedValueParser<Value = &'static Host> {
    let names = PossibleValuesParser::new(HOSTS.map(|host| host.name));
    names.map(|name| Host::named(&name).expect("the possible values are the hosts' names"))
}

/// The result of the change.
#[derive(Clone, Debug, Serialize)]
struct Installed {
    host: &'static str,
    /// The host's file.
    file: PathBuf,
    outcome: EntryChange,
    /// Whether the file was changed. `--print` changes nothing.
    written: bool,
    /// The backup of the file's old content.
    backup: Option<PathBuf>,
    /// The lines that differ.
    difference: Vec<String>,
    /// What the person does next so that the host sees the change.
    then: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum EntryChange {
    Added,
    Replaced,
    Removed,
    /// The entry already is as wanted, or there is no entry to remove.
    Unchanged,
}

impl Install {
    /// Changes the host's file, or shows the change.
    pub(super) fn run(self, dir: Option<&Path>, output: Output) -> Result<(), Failure> {
        let path = self.place(dir)?;
        let entry = if self.remove { None } else { Some(self.entry(dir)?) };
        let file = ConfigurationFile::open(path.clone()).map_err(|error| failed(&path, &error))?;
        let wanted = entry.as_ref().map_or(Wanted::Nothing, Wanted::Entry);
        let content = file.content().unwrap_or_default();
        let change = change(content, self.host.format, self.host.sections, wanted)
            .map_err(|problem| left_alone(&path, &problem))?;
        let outcome = outcome(&change, entry.as_ref());
        let difference = match outcome {
            EntryChange::Unchanged => Vec::new(),
            _ => hunk::hunk(&change.old, &change.new),
        };
        if outcome == EntryChange::Replaced && !self.force && !self.print {
            return Err(says_something_else(&path, &difference, output));
        }
        let written = outcome != EntryChange::Unchanged && !self.print;
        let backup = if written {
            file.replace(change.new.as_bytes(), SystemClock.now())
                .map_err(|error| failed(&path, &error))?
        } else {
            None
        };
        let (host, then) = (self.host.name, self.host.then);
        let installed = Installed { host, file: path, outcome, written, backup, difference, then };
        output.answer(&installed, |page, installed| page_of(page, installed, self.host))
    }

    /// Returns the host's file.
    fn place(&self, dir: Option<&Path>) -> Result<PathBuf, Failure> {
        let title = self.host.title;
        if self.project {
            let project = std::path::absolute(project::find(dir)?).map_err(anyhow::Error::from)?;
            return place::of_project(self.host, &project).ok_or_else(|| {
                unsupported(
                    format!("{title} has no configuration file for a single project"),
                    "leave --project out and name the project with --dir".to_owned(),
                )
            });
        }
        let variable = |name: &str| std::env::var_os(name);
        place::of_user(self.host, place::PRESENT, &variable).ok_or_else(|| {
            Failure::Usage(format!("cannot locate the configuration of {title}: HOME is not set"))
        })
    }

    fn entry(&self, dir: Option<&Path>) -> Result<Entry, Failure> {
        let title = self.host.title;
        entry(self.host, &self.launch(dir)?).ok_or_else(|| match self.host.url {
            None => unsupported(
                format!("{title} cannot connect to a URL from its configuration file"),
                format!("leave --http out; {title} then starts its own server"),
            ),
            Some(_) => unsupported(
                format!("{title} cannot read a token from its environment"),
                "leave --token-env out and write the token into the entry by hand".to_owned(),
            ),
        })
    }

    fn launch(&self, dir: Option<&Path>) -> Result<Launch, Failure> {
        if let Some(url) = self.http.clone() {
            return Ok(Launch::Url { url, token_variable: self.token_env.clone() });
        }
        let mut words = launch::program(self.project || !self.host.desktop)?;
        words.push("serve".to_owned());
        if let Some(folder) = self.folder(dir)? {
            words.extend(["--dir".to_owned(), folder]);
        }
        if let Some(tools) = self.tools.clone() {
            words.extend(["--tools".to_owned(), tools]);
        }
        Ok(Launch::Command { words })
    }

    /// Returns the folder that the entry names. A project's own file names none, because it moves
    /// with the project.
    fn folder(&self, dir: Option<&Path>) -> Result<Option<String>, Failure> {
        let title = self.host.title;
        match dir {
            _ if self.project => Ok(None),
            None if self.host.starts_in_project => Ok(None),
            None => Err(Failure::Usage(match self.host.project {
                [] => format!(
                    "{title} starts servers outside any project: name the project with --dir FOLDER"
                ),
                _ => format!(
                    "{title} starts your own servers outside any project: name the project with \
                    --dir FOLDER, or write to the project's file with --project"
                ),
            })),
            Some(dir) if !dir.is_dir() => {
                Err(Failure::Usage(format!("the folder {} does not exist", dir.display())))
            }
            Some(dir) => {
                let folder = std::path::absolute(dir).map_err(anyhow::Error::from)?;
                let folder = folder.into_os_string().into_string();
                folder.map(Some).map_err(|folder| {
                    Failure::Usage(format!("{} is not valid Unicode", folder.display()))
                })
            }
        }
    }
}

/// Shows how the entry differs, even with `--quiet`, because the difference is part of the refusal.
fn says_something_else(file: &Path, difference: &[String], output: Output) -> Failure {
    difference.iter().for_each(|line| output.complain(format_args!("{line}")));
    Failure::Refused(Refusal::Forbidden {
        message: format!("{} already has a different entry `refiner`", file.display()),
        hint: "nothing was changed: run the command again with --force to apply the change shown; \
        other fields of the entry stay"
            .to_owned(),
    })
}

/// Returns the refusal for an I/O error of the host's file.
fn failed(file: &Path, error: &io::Error) -> Failure {
    let file = file.display();
    let (message, hint) = match error.kind() {
        io::ErrorKind::ResourceBusy => (
            format!("another program wrote to {file} at the same time"),
            "nothing was changed: run the command again; close the host if this repeats",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            format!("{file} is not writable"),
            "nothing was changed: run the command with --print to see what to write there",
        ),
        _ => (format!("{file}: {error}"), "nothing was changed"),
    };
    Failure::Refused(Refusal::Forbidden { message, hint: hint.to_owned() })
}

fn outcome(change: &Change, entry: Option<&Entry>) -> EntryChange {
    match (&change.existing, entry) {
        (None, Some(_)) => EntryChange::Added,
        (Some(existing), Some(entry)) if agrees(existing, entry) => EntryChange::Unchanged,
        (Some(_), Some(_)) => EntryChange::Replaced,
        (Some(_), None) => EntryChange::Removed,
        (None, None) => EntryChange::Unchanged,
    }
}

fn left_alone(file: &Path, problem: &Problem) -> Failure {
    Failure::Refused(Refusal::argument(
        format!("{}: {problem}", file.display()),
        "nothing was changed: correct the file first",
    ))
}

fn unsupported(what: String, hint: String) -> Failure {
    Failure::Refused(Refusal::Unsupported { what, hint })
}

fn page_of(page: Page<'_>, installed: &Installed, host: &Host) -> io::Result<()> {
    let Installed { file, outcome, written, backup, difference, then, .. } = installed;
    let (title, file) = (host.title, file.display());
    match (outcome, written) {
        (EntryChange::Unchanged, _) => {
            return writeln!(page, "{GOOD}nothing to do{GOOD:#}: {file} needs no change");
        }
        (_, false) => writeln!(page, "{WARN}not written{WARN:#}: the change of {file}")?,
        (EntryChange::Removed, _) => writeln!(page, "{GOOD}removed{GOOD:#} from {title}: {file}")?,
        (EntryChange::Replaced, _) => writeln!(page, "{GOOD}replaced{GOOD:#} in {title}: {file}")?,
        (EntryChange::Added, _) => writeln!(page, "{GOOD}added{GOOD:#} to {title}: {file}")?,
    }
    difference.iter().try_for_each(|line| writeln!(page, "{DIM}{line}{DIM:#}"))?;
    if let Some(backup) = backup {
        writeln!(page, "before  {}", backup.display())?;
    }
    match (written, outcome) {
        (true, EntryChange::Added | EntryChange::Replaced) => {
            writeln!(page, "{BOLD}next{BOLD:#}    {then}")
        }
        _ => Ok(()),
    }
}
