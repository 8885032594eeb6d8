//! `refiner install`: tells a host about the server, in the host's own configuration file.

mod document;
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

use self::document::{Change, Problem, Wanted, change};
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
    /// Whom to tell
    #[arg(value_parser = host())]
    host: &'static Host,
    /// In the project's own file, which others get too, instead of yours
    #[arg(long)]
    project: bool,
    /// Connect to a server that runs already, instead of starting one
    #[arg(long, value_name = "URL", value_parser = checked_url, conflicts_with = "tools")]
    http: Option<String>,
    /// The variable of the host's environment that has the token for it
    #[arg(long, value_name = "NAME", value_parser = checked_variable, requires = "http")]
    token_env: Option<String>,
    /// The tools that the host sees: all, core, pmpo, or their names with commas between them
    #[arg(long, value_name = "SET", value_parser = serve::checked_tools)]
    tools: Option<String>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    print: bool,
    /// Replace an entry that says something else
    #[arg(long, conflicts_with = "remove")]
    force: bool,
    /// Take the entry out
    #[arg(long, conflicts_with_all = ["http", "token_env", "tools"])]
    remove: bool,
}

/// Takes the name of a host.
fn host() -> impl TypedValueParser<Value = &'static Host> {
    let names = PossibleValuesParser::new(HOSTS.map(|host| host.name));
    names.map(|name| Host::named(&name).expect("the possible values are the hosts' names"))
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
struct Installed {
    host: &'static str,
    /// The host's file.
    file: PathBuf,
    outcome: EntryChange,
    /// Whether the file was changed. It is not when `--print` was given.
    written: bool,
    /// Where the file's old content is kept.
    backup: Option<PathBuf>,
    /// The lines that differ.
    difference: Vec<String>,
    /// What has to be done for the change to be seen.
    then: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum EntryChange {
    Added,
    Replaced,
    Removed,
    /// The file says it already, or has no entry that could be removed.
    Unchanged,
}

impl Install {
    /// Changes the host's file, or shows what would be changed.
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
        let backup = match written {
            true => file
                .replace(change.new.as_bytes(), SystemClock.now())
                .map_err(|error| failed(&path, &error))?,
            false => None,
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
                    format!("{title} has no configuration of a single project"),
                    "leave --project out, and name the project with --dir".to_owned(),
                )
            });
        }
        let variable = |name: &str| std::env::var_os(name);
        place::of_user(self.host, place::PRESENT, &variable).ok_or_else(|| {
            Failure::Usage(format!("where {title} keeps its configuration: HOME is not set"))
        })
    }

    fn entry(&self, dir: Option<&Path>) -> Result<Entry, Failure> {
        let title = self.host.title;
        entry(self.host, &self.launch(dir)?).ok_or_else(|| match self.host.url {
            None => unsupported(
                format!("{title} does not connect to URLs by its configuration file"),
                format!("leave --http out: {title} then starts a server of its own"),
            ),
            Some(_) => unsupported(
                format!("{title} does not take a token from its environment"),
                "leave --token-env out, and write the token into the entry by hand".to_owned(),
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

    /// Returns the folder that the server is told. A project's own file says no such thing: it goes
    /// where the project goes.
    fn folder(&self, dir: Option<&Path>) -> Result<Option<String>, Failure> {
        let title = self.host.title;
        match dir {
            _ if self.project => Ok(None),
            None if self.host.starts_in_project => Ok(None),
            None => Err(Failure::Usage(match self.host.project {
                [] => format!("{title} starts servers in no project: name one with --dir FOLDER"),
                _ => format!(
                    "{title} starts your own servers in no project: name one with --dir FOLDER, or \
                     write to the project's file with --project"
                ),
            })),
            Some(dir) if !dir.is_dir() => {
                Err(Failure::Usage(format!("there is no folder {}", dir.display())))
            }
            Some(dir) => {
                let folder = std::path::absolute(dir).map_err(anyhow::Error::from)?;
                let folder = folder.into_os_string().into_string();
                folder
                    .map(Some)
                    .map_err(|folder| Failure::Usage(format!("{} is no Unicode", folder.display())))
            }
        }
    }
}

/// Shows how the entry differs, even when told to be quiet: it is part of the refusal.
fn says_something_else(file: &Path, difference: &[String], output: Output) -> Failure {
    difference.iter().for_each(|line| output.complain(format_args!("{line}")));
    Failure::Refused(Refusal::Forbidden {
        message: format!("{} has an entry `refiner` that says something else", file.display()),
        hint: "nothing was changed: the same command with --force makes it as shown, and keeps \
               what else is in the entry"
            .to_owned(),
    })
}

/// Says what the system said about the host's file.
fn failed(file: &Path, error: &io::Error) -> Failure {
    let file = file.display();
    let (message, hint) = match error.kind() {
        io::ErrorKind::ResourceBusy => (
            format!("another program wrote to {file} at the same time"),
            "nothing was changed: run it again, with the host closed if it happens again",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            format!("{file} may not be written"),
            "nothing was changed: --print shows what to write there",
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
        "nothing was changed: mend the file first",
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
            return writeln!(page, "{GOOD}nothing to do{GOOD:#}: {file} is as it should be");
        }
        (_, false) => writeln!(page, "{WARN}not written{WARN:#}: this would become of {file}")?,
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
