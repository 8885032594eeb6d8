//! Layer 7: the service as a command line.
//!
//! One file for each subcommand. Data goes to standard output, everything else to standard error.

mod approve;
mod certificate;
mod checkpoint;
mod completions;
mod configuration;
mod consent;
mod delete;
mod demo;
mod diff;
mod doctor;
mod exit_code;
mod export;
mod finalize;
mod hints;
mod history;
mod import;
mod init;
mod input;
mod install;
mod interrupt;
mod list;
mod log;
mod man;
mod open_files;
#[cfg(feature = "otel")]
mod otel;
mod output;
mod outputs;
mod project;
mod replay;
mod reset;
mod restore;
mod save;
mod screen;
mod serve;
mod show;
mod token;
mod transition;
mod trust;
mod verify;
mod verify_certificate;
mod write_options;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};
use tracing::Span;

use self::configuration::Configuration;
use self::exit_code::ExitCode;
pub use self::log::Log;
use self::output::Output;
use self::screen::Color;
use crate::disk::{Owners, StateFolder, UserFolder};
use crate::hooks::Hooks;
use crate::model::{Refusal, visible};
use crate::service::{Approvals, Caller, Clock as _, Service, SystemClock, Tokens, trace};
use crate::storage::Provider;
use crate::storage::filesystem::Filesystem;
use crate::storage::memory::Memory;
use crate::workspace::{Trust, Workspace, owner, trusts_owner};

/// Stores the state of agent loops durably and serves it over MCP.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
    /// The subcommand's name, for the trace.
    #[arg(skip)]
    subcommand: String,
}

impl Cli {
    /// Parses the command line. On an error, prints it and ends the process.
    pub fn read() -> Self {
        let matches = Self::command().try_get_matches().unwrap_or_else(|error| misread(&error));
        let read = Self::from_arg_matches(&matches);
        let subcommand = matches.subcommand_name().unwrap_or_default().to_owned();
        Self { subcommand, ..read.unwrap_or_else(|error| error.exit()) }
    }
}

/// Prints what is wrong with the command line and ends the process. The message quotes the command
/// line, so it is printed without colours if an argument contains escape sequences.
#[expect(clippy::exit, reason = "as clap does with each of its errors")]
fn misread(error: &clap::Error) -> ! {
    let is_obeyed = |given: OsString| given.to_string_lossy().contains(visible::is_obeyed);
    let mut given = std::env::args_os().chain(std::env::var_os("REFINER_DIR"));
    if error.use_stderr() && screen::shows_errors() && given.any(is_obeyed) {
        screen::write_errors(Color::Never, format_args!("{}", error.render()));
        process::exit(error.exit_code())
    }
    error.exit()
}

/// Global options.
#[derive(Clone, Debug, clap::Args)]
struct Global {
    /// The project's folder [default: the nearest one with .refiner or .git, else the current one]
    #[arg(long, global = true, display_order = 101, env = "REFINER_DIR", value_name = "FOLDER", value_parser = folder())]
    dir: Option<PathBuf>,
    /// The storage for artifacts
    #[arg(long, global = true, display_order = 102, value_enum, default_value_t)]
    provider: ProviderKind,
    /// Print the JSON answer of the corresponding tool
    #[arg(long, global = true, display_order = 103)]
    json: bool,
    /// Print only data, warnings and errors
    #[arg(long, short, global = true, display_order = 104)]
    quiet: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        display_order = 105,
        value_enum,
        default_value_t,
        value_name = "WHEN"
    )]
    color: Color,
}

/// Parses a folder. Some hosts set the variable to an empty text, which counts as unset.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum ProviderKind {
    /// In the project's .refiner folder
    #[default]
    Filesystem,
    /// In memory, lost when the process ends
    Memory,
}

/// The subcommands. To add one, add a file, and a line here and in [`execute`].
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole loop over stdio: killed half-way, resumed, converged
    Demo(demo::Demo),
    /// Serve MCP on standard input and output, or over HTTP
    Serve(serve::Serve),
    /// Create an artifact, resume it, or begin its next cycle
    Init(init::Init),
    /// List the artifacts
    List(list::List),
    /// Show an artifact's phase, status and next step
    Show(show::Show),
    /// List an artifact's versions
    History(history::History),
    /// Show the difference between two versions
    Diff(diff::Diff),
    /// Save state as a new version
    Save(save::Save),
    /// Label the current version
    Checkpoint(checkpoint::Checkpoint),
    /// Restore the content of an earlier version as a new version
    Restore(restore::Restore),
    /// Send an event to a loop
    Transition(transition::Transition),
    /// Approve the step that waits for your decision
    Approve(approve::Decision),
    /// Reject the step that waits for your decision
    Reject(approve::Decision),
    /// Measure the constraints
    Verify(verify::Verify),
    /// Write, read and list the files in an artifact's dist/
    Output(outputs::Outputs),
    /// Close and archive the cycle of an ended loop
    Finalize(finalize::Finalize),
    /// Print a signed certificate of a finalized cycle
    Certificate(certificate::Certificate),
    /// Check a certificate, its outputs and its journal
    VerifyCertificate(verify_certificate::VerifyCertificate),
    /// Derive every decision of a journal again
    Replay(replay::Replay),
    /// Reset an artifact: remove its goals, constraints, inputs, data and files
    Reset(reset::Reset),
    /// Delete an artifact
    Delete(delete::Delete),
    /// Import artifacts of the older PMPO skill from its .refiner folder
    Import(import::Import),
    /// Export an artifact to a readable folder
    Export(export::Export),
    /// Add the server to a host's configuration
    Install(install::Install),
    /// Review the project's hooks, workflows and commands, and allow them to run
    Trust(trust::Trust),
    /// Create, list and revoke access tokens
    Token(token::TokenCommand),
    /// Check the workspace for damage
    Doctor(doctor::Doctor),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print a page of the manual
    Man(man::Man),
}

/// Why a subcommand failed.
#[derive(Debug)]
enum Failure {
    /// An operation was refused.
    Refused(Refusal),
    /// The arguments are invalid.
    Usage(String),
    /// Standard output was closed, as `| head` does.
    BrokenPipe,
    /// A failure outside the service.
    Other(anyhow::Error),
    /// The result, already printed, reports problems.
    BadNews,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// The context of a subcommand.
struct Context {
    service: Service,
    /// The user's tokens. `None` without a folder for the user's own configuration.
    tokens: Option<Tokens>,
    caller: Caller,
    output: Output,
}

/// Runs a subcommand and returns the process's exit code.
pub fn run(cli: Cli) -> process::ExitCode {
    open_files::raise_limit();
    let output = Output::new(cli.global.json, cli.global.quiet, cli.global.color);
    let result = runtime(&cli.command).map_err(Failure::from).and_then(|runtime| {
        let span = span(&cli);
        let result = runtime.block_on(trace::traced(span, execute(cli, output), ending));
        // A thread may still block on standard input, and nothing can wake it.
        runtime.shutdown_background();
        result
    });
    let code = match &result {
        Ok(()) => ExitCode::Done,
        Err(failure) => exit_code::of(failure),
    };
    if let Err(failure) = result {
        output.failure(&failure);
    }
    process::ExitCode::from(code as u8)
}

/// One thread is enough, also for a server of one client: blocking work has its own threads, and
/// moving a message to another thread costs more than handling it. Only a server of many clients
/// has work for every processor.
fn runtime(command: &Command) -> anyhow::Result<Runtime> {
    let mut builder = match command {
        Command::Serve(serve) if serve.is_for_many() => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    Ok(builder.enable_all().build()?)
}

/// Returns the span of a subcommand that is one call. A server opens a span for each call.
fn span(cli: &Cli) -> Span {
    match cli.command {
        Command::Demo(_) | Command::Serve(_) => Span::none(),
        _ => trace::span("refiner", &cli.subcommand),
    }
}

fn ending(result: &Result<(), Failure>) -> trace::Ending {
    match result {
        Err(Failure::Refused(refusal)) => trace::Ending::Refused(refusal.code()),
        Err(Failure::Usage(_)) => trace::Ending::Refused("usage"),
        Err(Failure::Other(_)) => trace::Ending::Refused("error"),
        Ok(()) | Err(Failure::BrokenPipe | Failure::BadNews) => trace::Ending::Answered,
    }
}

async fn execute(mut cli: Cli, output: Output) -> Result<(), Failure> {
    cli.global.dir.take_if(|dir| dir.as_os_str().is_empty());
    if let Command::Demo(demo) = cli.command {
        return demo.run(cli.global.dir, output).await;
    }
    if let Command::Install(install) = cli.command {
        return install.run(cli.global.dir.as_deref(), output);
    }
    if let Command::Completions(completions) = cli.command {
        return completions.run(output);
    }
    if let Command::Man(man) = cli.command {
        return man.run(output);
    }
    if let Command::Trust(trust) = &cli.command
        && trust.needs_no_workspace()
    {
        let folder = project::find(cli.global.dir.as_deref())?;
        return trust.run_without_workspace(&folder, &open_nothing(&folder, output)?);
    }
    if let Command::Certificate(certificate) = &cli.command
        && certificate.needs_no_workspace()
    {
        return certificate.print_public_key(output);
    }
    let names_workspace = cli.global.dir.is_some();
    if !names_workspace && let Command::VerifyCertificate(verify) = cli.command {
        let folder = project::find(cli.global.dir.as_deref())?;
        return verify.run(&open_nothing(&folder, output)?, false).await;
    }
    let context = open(&cli.global, output).await?;
    let result = match cli.command {
        Command::Demo(_) | Command::Install(_) | Command::Completions(_) | Command::Man(_) => {
            Ok(())
        }
        Command::Serve(serve) => serve.run(&context).await,
        Command::Init(init) => init.run(&context).await,
        Command::List(list) => list.run(&context).await,
        Command::Show(show) => show.run(&context).await,
        Command::History(history) => history.run(&context).await,
        Command::Diff(diff) => diff.run(&context).await,
        Command::Save(save) => save.run(&context).await,
        Command::Checkpoint(checkpoint) => checkpoint.run(&context).await,
        Command::Restore(restore) => restore.run(&context).await,
        Command::Transition(transition) => transition.run(&context).await,
        Command::Approve(decision) => decision.run("approve", &context).await,
        Command::Reject(decision) => decision.run("reject", &context).await,
        Command::Verify(verify) => verify.run(&context).await,
        Command::Output(outputs) => outputs.run(&context).await,
        Command::Finalize(finalize) => finalize.run(&context).await,
        Command::Certificate(certificate) => certificate.run(&context).await,
        Command::VerifyCertificate(verify) => verify.run(&context, names_workspace).await,
        Command::Replay(replay) => replay.run(&context).await,
        Command::Reset(reset) => reset.run(&context).await,
        Command::Delete(delete) => delete.run(&context).await,
        Command::Import(import) => import.run(&context).await,
        Command::Export(export) => export.run(&context).await,
        Command::Trust(trust) => trust.run(&cli.global, &context).await,
        Command::Token(token) => token.run(&context),
        Command::Doctor(doctor) => doctor.run(&context).await,
    };
    context.service.settle().await;
    result
}

async fn open(global: &Global, output: Output) -> Result<Context, Failure> {
    let workspace = workspace(global)?;
    let (provider, place): (Arc<dyn Provider>, _) = match global.provider {
        ProviderKind::Memory => (Arc::new(Memory::default()), "memory".to_owned()),
        ProviderKind::Filesystem => {
            let place = workspace.canonical_project().map_err(anyhow::Error::from)?;
            (
                Arc::new(Filesystem::with_witness(&workspace, StateFolder::of_user())),
                token::workspace(&place),
            )
        }
    };
    let hooks = hooks(workspace.clone(), Arc::clone(&provider));
    hooks.prepare().await;
    let trust = Trust::new(project::user_folder(), workspace.project());
    let service = Service::new(provider, Arc::new(SystemClock))
        .with_workspace(workspace)
        .with_hooks(hooks)
        .with_trust(trust);
    let context = Context { service, tokens: None, caller: person(), output };
    Ok(match project::user_folder() {
        None => context,
        Some(user) => configured(context, user, place, &project::find(global.dir.as_deref())?),
    })
}

/// Returns the context of a subcommand that opens none of the workspace's files.
fn open_nothing(project: &Path, output: Output) -> Result<Context, Failure> {
    let service = Service::new(Arc::new(Memory::default()), Arc::new(SystemClock));
    let context = Context { service, tokens: None, caller: person(), output };
    let place = project.canonicalize().map_err(anyhow::Error::from)?;
    Ok(match project::user_folder() {
        None => context,
        Some(user) => configured(context, user, token::workspace(&place), project),
    })
}

/// Returns a subcommand's context, set up by the user's own configuration.
fn configured(context: Context, user: UserFolder, workspace: String, project: &Path) -> Context {
    let configuration = Configuration::of(&user, project);
    let tokens = Tokens::new(user, workspace, Arc::new(SystemClock));
    let approvals = match configuration.approvals {
        configuration::Approvals::Person => Approvals::Person,
        configuration::Approvals::Token => Approvals::Token(tokens.clone()),
    };
    let service = context.service.with_commands(configuration.commands).with_approvals(approvals);
    Context { service, tokens: Some(tokens), ..context }
}

fn workspace(global: &Global) -> Result<Workspace, Failure> {
    let folder = project::find(global.dir.as_deref())?;
    let opened = Workspace::open_of(&folder, owners(&folder));
    opened.map_err(|error| Failure::Usage(format!("{}: {error}", folder.display())))
}

/// Returns the owners whose workspace files are opened: the user, and an owner that the user
/// trusts. A new workspace in a named project is created for the owner of the project's folder.
fn owners(project: &Path) -> Owners {
    if !trusts_owner(project::user_folder().as_ref(), project) {
        return Owners::user();
    }
    match owner(project) {
        Ok(Some(owner)) => Owners::user().and(owner),
        Ok(None) | Err(_) => Owners::ANY,
    }
}

fn hooks(workspace: Workspace, provider: Arc<dyn Provider>) -> Hooks {
    Hooks::new(workspace, provider, project::user_folder(), || SystemClock.now())
}

/// Returns the command line as a caller. It counts as a person only after a confirmation at the
/// terminal.
fn person() -> Caller {
    Caller::new(concat!("refiner-cli ", env!("CARGO_PKG_VERSION"))).on_the_command_line()
}
