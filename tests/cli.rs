//! The command line as people and scripts meet it. Here: what each subcommand prints.

mod commands;
mod demo;
mod exit;
mod export;
mod files;
mod folder;
mod manual;
mod streams;
mod terminal;
mod token;
mod writing;

use serde_json::json;

use crate::common::{Finished, Journal, Project, refiner, refiner_with_input};

/// A constraint as it is given on the command line.
const LINKS: &str =
    r#"{"id":"links","description":"every link leads somewhere","severity":"blocking"}"#;

/// Runs a subcommand and returns how it ended and everything that it said, without what is another
/// in every run.
fn said(project: &Project, arguments: &[&str]) -> String {
    said_with_input(project, arguments, "")
}

fn said_with_input(project: &Project, arguments: &[&str], input: &str) -> String {
    let Finished { code, stdout, stderr } = refiner_with_input(project.path(), arguments, input);
    let mut said = format!("exit {}\n{stdout}", code.unwrap());
    if !stderr.is_empty() {
        said += &format!("--- stderr\n{stderr}");
    }
    steady(project, &said)
}

/// Replaces what is another in every run, or with every release.
fn steady(project: &Project, text: &str) -> String {
    let text = text.replace(project.path().to_str().unwrap(), "<project>");
    let text = text.replace(concat!("refiner-cli ", env!("CARGO_PKG_VERSION")), "refiner-cli");
    let text = masked(&text, "dddd-dd-ddTdd:dd:dd.dddZ", "<time>");
    let text = masked(&text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "<id>");
    masked(&text, &"x".repeat(64), "<digest>")
}

/// Replaces everything of a shape, in which `d` is a digit and `x` a hexadecimal one.
fn masked(text: &str, shape: &str, by: &str) -> String {
    let fits = |(found, wanted): (u8, u8)| match wanted {
        b'd' => found.is_ascii_digit(),
        b'x' => found.is_ascii_hexdigit(),
        _ => found == wanted,
    };
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let has_shape = rest.len() >= shape.len() && rest.bytes().zip(shape.bytes()).all(fits);
        masked += if has_shape { by } else { &rest[..first.len_utf8()] };
        rest = &rest[if has_shape { shape.len() } else { first.len_utf8() }..];
    }
    masked
}

/// A project with a document `notes` at version 3 and a loop `logo` in its first phase.
fn begun() -> Project {
    let project = Project::new();
    for arguments in [
        &["init", "notes", "--workflow", "document"][..],
        &["save", "notes", "--patch", r#"{"data":{"x":1}}"#, "--note", "the first"],
        &["save", "notes", "--patch", r#"{"data":{"x":null,"y":[1,2]}}"#],
        &["init", "logo", "--goal", "a logo", "--constraint", LINKS],
    ] {
        let finished = refiner(project.path(), arguments);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    project
}

/// Makes version 2 of `notes` unreadable, which was acknowledged.
fn damage(project: &Project) {
    let mut journal = Journal::read(project, "notes");
    let at = journal.lines[2].len() / 2;
    journal.lines[2][at] ^= 1;
    journal.write();
    std::fs::remove_file(project.of("notes", "state.json")).unwrap();
}

#[test]
fn the_help_lists_every_subcommand_and_each_has_its_own() {
    let project = Project::new();
    insta::assert_snapshot!(said(&project, &["-h"]), @r"
    exit 0
    Stores the state of agent loops durably and serves it over MCP

    Usage: refiner [OPTIONS] <COMMAND>

    Commands:
      demo                Run a whole loop over stdio: killed half-way, resumed, converged
      serve               Serve MCP on standard input and output, or over HTTP
      init                Create an artifact, resume it, or begin its next cycle
      list                List the artifacts
      show                Show an artifact's phase, status and next step
      history             List an artifact's versions
      diff                Show the difference between two versions
      save                Save state as a new version
      checkpoint          Label the current version
      restore             Restore the content of an earlier version as a new version
      transition          Send an event to a loop
      approve             Approve the step that waits for your decision
      reject              Reject the step that waits for your decision
      verify              Measure the constraints
      output              Write, read and list the files in an artifact's dist/
      finalize            Close and archive the cycle of an ended loop
      certificate         Print a signed certificate of a finalized cycle
      verify-certificate  Check a certificate, its outputs and its journal
      replay              Derive every decision of a journal again
      reset               Reset an artifact: remove its goals, constraints, inputs, data and files
      delete              Delete an artifact
      import              Import artifacts of the older PMPO skill from its .refiner folder
      export              Export an artifact to a readable folder
      install             Add the server to a host's configuration
      trust               Review the project's hooks, workflows and commands, and allow them to run
      token               Create, list and revoke access tokens
      doctor              Check the workspace for damage
      completions         Print completions for a shell
      man                 Print a page of the manual
      help                Print this message or the help of the given subcommand(s)

    Options:
          --dir <FOLDER>         The project's folder [default: the nearest one with .refiner or .git,
                                 else the current one] [env: REFINER_DIR=]
          --provider <PROVIDER>  The storage for artifacts [default: filesystem] [possible values:
                                 filesystem, memory]
          --json                 Print the JSON answer of the corresponding tool
      -q, --quiet                Print only data, warnings and errors
          --color <WHEN>         When to use colours [default: auto] [possible values: auto, always,
                                 never]
      -h, --help                 Print help (see more with '--help')
      -V, --version              Print version
    ");
    let help = refiner(project.path(), ["--help"]).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let finished = refiner(project.path(), [name, "--help"]);
        assert_eq!(finished.code, Some(0), "{name}: {finished:?}");
        assert!(finished.stdout.contains(&format!("refiner {name}")), "{}", finished.stdout);
    }
}

#[test]
fn the_help_of_a_server_lists_its_own_options_first() {
    let project = Project::new();
    insta::assert_snapshot!(said(&project, &["serve", "-h"]), @"
    exit 0
    Serve MCP on standard input and output, or over HTTP

    Usage: refiner serve [OPTIONS]

    Options:
          --tools <SET>            The tools that hosts see: all, core, pmpo, or comma-separated names
                                   [default: all]
          --http <ADDRESS>         Serve over HTTP on this address, such as 127.0.0.1:8977; port 0
                                   selects a free port
          --require-token          Require a token on a loopback address too; other addresses always
                                   require one
          --sse                    Also serve HTTP+SSE of revision 2024-11-05, at /sse
          --allow-host <HOST>      A host name that the server answers for, beside localhost and the
                                   address; may be repeated
          --allow-origin <ORIGIN>  A web origin whose pages may use the server, such as
                                   https://app.example; may be repeated
          --tls-cert <FILE>        The TLS certificate chain, in PEM
          --tls-key <FILE>         The certificate's private key, in PEM
          --dir <FOLDER>           The project's folder [default: the nearest one with .refiner or .git,
                                   else the current one] [env: REFINER_DIR=]
          --provider <PROVIDER>    The storage for artifacts [default: filesystem] [possible values:
                                   filesystem, memory]
          --json                   Print the JSON answer of the corresponding tool
      -q, --quiet                  Print only data, warnings and errors
          --color <WHEN>           When to use colours [default: auto] [possible values: auto, always,
                                   never]
      -h, --help                   Print help (see more with '--help')
      -V, --version                Print version
    ");
}

#[test]
fn init_says_where_the_artifact_is_and_what_comes_next() {
    let project = Project::new();
    let init = ["init", "logo", "--goal", "a logo", "--constraint", LINKS];
    insta::assert_snapshot!(said(&project, &init), @r#"
    exit 0
    created in filesystem (<project>/.refiner)
    logo  pmpo, cycle 1, version 1
    phase  specify, running
    next   Turn the goals into a specification with constraints that can be checked. End with refiner transition NAME complete --result {summary, goals, constraints}.
           complete → plan
           stop → stopped (a person decides)
    --- stderr
    warning: artifact_type logo and content_type direct:svg were inferred from "logo" in the goals; if that is wrong, run refiner init with another name and pass them
    "#);
    insta::assert_snapshot!(said(&project, &init), @"
    exit 0
    resumed in filesystem (<project>/.refiner)
    logo  pmpo, cycle 1, version 1
    phase  specify, running
    next   Turn the goals into a specification with constraints that can be checked. End with refiner transition NAME complete --result {summary, goals, constraints}.
           complete → plan
           stop → stopped (a person decides)
    --- stderr
    warning: the artifact exists: goals, constraints and inputs were not applied; refiner save changes them
    ");
    insta::assert_snapshot!(said(&project, &["init", "logo", "--workflow", "document"]), @r"
    exit 1
    --- stderr
    error: logo exists and runs the workflow pmpo
    hint: choose another name, or run refiner show to continue the existing artifact
    ");
}

#[test]
fn list_is_empty_or_a_table_or_a_page_of_one() {
    insta::assert_snapshot!(said(&Project::new(), &["list"]), @"
    exit 0
    --- stderr
    No artifacts here. Create one with `refiner init NAME`.
    ");
    let project = begun();
    insta::assert_snapshot!(said(&project, &["list"]), @r"
    exit 0
    name   workflow  phase    status   version  updated
    logo   pmpo      specify  running  1        <time>
    notes  document  open     running  3        <time>
    ");
    insta::assert_snapshot!(said(&project, &["list", "--workflow", "document"]), @r"
    exit 0
    name   workflow  phase  status   version  updated
    notes  document  open   running  3        <time>
    ");
    insta::assert_snapshot!(said(&project, &["list", "--limit", "1"]), @r"
    exit 0
    name  workflow  phase    status   version  updated
    logo  pmpo      specify  running  1        <time>
    --- stderr
    More: the same with --cursor logo
    ");
    insta::assert_snapshot!(said(&project, &["list", "n", "--quiet", "--limit", "1"]), @r"
    exit 0
    name   workflow  phase  status   version  updated
    notes  document  open   running  3        <time>
    ");
}

#[test]
fn show_says_where_an_artifact_stands_and_as_much_of_it_as_is_asked_for() {
    let project = begun();
    insta::assert_snapshot!(said(&project, &["show", "logo"]), @r#"
    exit 0
    logo  pmpo, cycle 1, version 1
    phase  specify, running
    next   Turn the goals into a specification with constraints that can be checked. End with refiner transition NAME complete --result {summary, goals, constraints}.
           complete → plan
           stop → stopped (a person decides)
    {
      "artifact_type": "logo",
      "constraints": {
        "open": [
          "links"
        ],
        "satisfied": 0,
        "total": 1
      },
      "content_type": "direct:svg",
      "data": {},
      "goals": [
        "a logo"
      ],
      "started_at": "<time>"
    }
    "#);
    insta::assert_snapshot!(said(&project, &["show", "notes", "--select", "/data/y/1", "--select", "/data/x"]), @r#"
    exit 0
    {
      "/data/x": null,
      "/data/y/1": 2
    }
    "#);
    insta::assert_snapshot!(said(&project, &["show", "notes", "--at", "2", "--select", "/data"]), @r#"
    exit 0
    {
      "/data": {
        "x": 1
      }
    }
    "#);
    let full = refiner(project.path(), ["show", "notes", "--full"]).json();
    assert_eq!((&full["data"], &full["version"]), (&json!({ "y": [1, 2] }), &json!(3)));
    let prompt = refiner(project.path(), ["show", "logo", "--prompt"]).stdout;
    assert!(prompt.starts_with("# Specify `logo`\n"), "{prompt}");
}

#[test]
fn history_is_a_table_with_a_line_for_each_version() {
    let project = begun();
    let note = "two\nlines \u{1b}[31mand red";
    refiner(project.path(), ["save", "notes", "--patch", r#"{"data":{"z":0}}"#, "--note", note]);
    insta::assert_snapshot!(said(&project, &["history", "notes"]), @r"
    exit 0
    version  at                        operation   phase  by                 note                    changed
    1        <time>  init_state  open   refiner-cli
    2        <time>  save_state  open   refiner-cli  the first               /data/x
    3        <time>  save_state  open   refiner-cli                          /data/x /data/y
    4        <time>  save_state  open   refiner-cli  two lines  [31mand red  /data/z
    ");
    insta::assert_snapshot!(said(&project, &["history", "notes", "--after", "1", "--limit", "1"]), @r"
    exit 0
    version  at                        operation   phase  by                 note       changed
    2        <time>  save_state  open   refiner-cli  the first  /data/x
    --- stderr
    More: refiner history notes --after 2
    ");
}

#[test]
fn diff_says_what_was_added_removed_and_changed() {
    let project = begun();
    refiner(project.path(), ["save", "notes", "--patch", r#"{"data":{"y":[1,3]}}"#]);
    insta::assert_snapshot!(said(&project, &["diff", "notes", "2", "4"]), @r"
    exit 0
    - /data/x
    + /data/y [1,3]
    ");
    insta::assert_snapshot!(said(&project, &["diff", "notes", "3", "4"]), @r"
    exit 0
    ~ /data/y/1 3
    ");
    insta::assert_snapshot!(said(&project, &["diff", "notes", "2", "2"]), @r"
    exit 0
    --- stderr
    The versions do not differ.
    ");
}

#[test]
fn doctor_says_that_all_is_well_or_what_is_not() {
    let project = begun();
    insta::assert_snapshot!(said(&project, &["doctor"]), @r"
    exit 0
    healthy: 2 artifacts, no findings
    ");
    insta::assert_snapshot!(said(&project, &["doctor", "notes"]), @r"
    exit 0
    healthy: 1 artifact, no findings
    ");
    damage(&project);
    insta::assert_snapshot!(said(&project, &["doctor"]), @r"
    exit 1
    error .refiner/artifacts/notes/journal/000000000001.jsonl: version 2 is damaged (checksum mismatch) at byte 1632; 1 good lines follow
      every byte is kept and nothing more is written to this journal; restore it from a backup, or create a new artifact from what `refiner show` can still read
    warning .refiner/artifacts/notes/state.json: it is missing
      the next operation writes it again
    2 artifacts, 2 findings
    ");
}
