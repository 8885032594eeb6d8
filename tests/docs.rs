//! The commands and the JSON of the README and of `docs/`, run with the program itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Project, command, framed, on_terminal, refiner};

/// Words that the README may have.
const README_WORDS_MAX: usize = 700;

/// Words that the description of the architecture may have.
const ARCHITECTURE_WORDS_MAX: usize = 1_500;

/// What the tutorial calls the project's folder.
const PROJECT: &str = "/srv/notes";

/// A block of code in a document.
#[derive(Clone, Debug)]
struct Block {
    /// The document's name.
    document: String,
    /// What follows the three backticks: the language, then a file's name or `exit=CODE`.
    info: String,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.info.split(' ').next().unwrap()
    }

    fn argument(&self) -> Option<&str> {
        self.info.split_once(' ').map(|(_, argument)| argument)
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the text of each document, by its path.
fn documents() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let paths = names.map(|name| format!("docs/{}", name.to_str().unwrap()));
    let paths = paths.filter(|path| path.ends_with(".md")).chain(["README.md".to_owned()]);
    paths.map(|path| (path.clone(), read(&path))).collect()
}

/// Returns a document's blocks of code, in order.
fn blocks(document: &str, text: &str) -> Vec<Block> {
    let parts = text.split("\n```").skip(1).step_by(2);
    let blocks = parts.map(|part| {
        let (info, text) = part.split_once('\n').unwrap();
        Block { document: document.to_owned(), info: info.to_owned(), text: format!("{text}\n") }
    });
    blocks.collect()
}

/// Returns all blocks of all documents in one language.
fn all_blocks(language: &str) -> Vec<Block> {
    let all = documents().into_iter().flat_map(|(name, text)| blocks(&name, &text));
    all.filter(|block| block.language() == language).collect()
}

/// Replaces each timestamp, so that the outputs of two days compare equal.
fn without_times(text: &str) -> String {
    let mut rest = text;
    let mut replaced = String::new();
    while let Some(at) = rest.find("T").filter(|_| rest.len() >= TIME.len()) {
        let begin = at.saturating_sub(DATE_BYTES);
        let candidate = rest.get(begin..begin + TIME.len());
        let shape = |text: &str| text.replace(|character: char| character.is_ascii_digit(), "0");
        if candidate.is_some_and(|candidate| shape(candidate) == TIME) {
            let _ = write!(replaced, "{}{TIME}", &rest[..begin]);
            rest = &rest[begin + TIME.len()..];
        } else {
            replaced.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    replaced + rest
}

/// The shape of a timestamp.
const TIME: &str = "0000-00-00T00:00:00.000Z";

/// The bytes of a timestamp before its `T`.
const DATE_BYTES: usize = 10;

/// Runs a line of a shell with the program on its path. Returns what a terminal shows, and the status.
fn run(project: &Project, line: &str) -> (String, Option<i32>) {
    let program = command(project.path());
    let folder = Path::new(program.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(project.path());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("XDG_STATE_HOME", project.path().join(".state"));
    let output = shell.env("PATH", path).env("LC_ALL", "C").output().unwrap();
    let folder = project.path().canonicalize().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    (shown.replace(folder.to_str().unwrap(), PROJECT), output.status.code())
}

/// Runs the commands of a block, and compares what each one prints. Returns how many there were.
fn replay(project: &Project, block: &Block) -> usize {
    let exit = block.argument().map_or(0, |argument| argument[5..].parse().unwrap());
    let block = format!("\n{}", block.text);
    let steps: Vec<&str> = block.split("\n$ ").skip(1).collect();
    for step in &steps {
        let (line, expected) = step.split_once('\n').unwrap_or((step, ""));
        let (shown, code) = run(project, line);
        assert_eq!(without_times(shown.trim_end()), without_times(expected.trim_end()), "$ {line}");
        assert_eq!(code, Some(exit), "$ {line}");
    }
    steps.len()
}

/// Runs the command of a block on a terminal, and agrees. Returns how many commands there were.
fn replay_on_terminal(project: &Project, block: &Block) -> usize {
    let (line, expected) = block.text.strip_prefix("$ refiner ").unwrap().split_once('\n').unwrap();
    let mut asked = command(project.path());
    asked.args(line.split(' ')).env("NO_COLOR", "1").env("COLUMNS", "100");
    let (code, screen) = on_terminal(asked, "yes\n");
    let folder = project.path().canonicalize().unwrap();
    let screen = screen.replace("\r\n", "\n").replace(folder.to_str().unwrap(), PROJECT);
    // The terminal shows what is typed before the program asks.
    let screen = screen.replacen("yes\n", "", 1).replace("continue: ", "continue: yes\n");
    assert_eq!(screen.trim_end(), expected.trim_end(), "$ {line}");
    assert_eq!(code, Some(0), "$ {line}");
    1
}

/// Plays a document: writes its files, and runs its commands. Returns how many commands there were.
fn play(project: &Project, document: &str) -> usize {
    let mut commands = 0;
    for block in blocks(document, &read(&format!("docs/{document}.md"))) {
        match (block.language(), block.argument()) {
            ("console", Some("terminal")) => commands += replay_on_terminal(project, &block),
            ("console", _) => commands += replay(project, &block),
            ("sh", None) => {}
            (_, Some(file)) => {
                let path = project.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &block.text).unwrap();
            }
            other => panic!("{document} has a block of unknown use: {other:?}"),
        }
    }
    commands
}

#[test]
fn the_tutorial_and_the_certificates_print_what_they_say() {
    let project = Project::new();
    let commands = play(&project, "tutorial");
    assert!(commands > 15, "{commands} commands");
    let commands = play(&project, "certificates");
    assert!(commands > 6, "{commands} commands");
    // A work in the project's own folder, with the commands of checks.
    let replayed = refiner(project.path(), ["replay", "tool", "--json"]).json();
    assert_eq!(
        (&replayed["agrees"], &replayed["decisions"]),
        (&json!(true), &json!(5)),
        "{replayed}"
    );
}

#[test]
fn times_are_all_that_outputs_may_differ_in() {
    let text = "The 2026-11-28T23:06:23.185Z and 2026-11-29T00:00:00.000Z, T";
    assert_eq!(without_times(text), format!("The {TIME} and {TIME}, T"));
    assert_eq!(without_times("T"), "T");
    let other = "phase  persist 2026-11-28T23:06:23.18Z";
    assert_eq!(without_times(other), other);
}

/// Writes a file, with its folders, into a project.
fn put(project: &Project, path: &str, content: &Value) {
    let path = project.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

/// Returns what `refiner doctor` finds in a project.
fn findings(project: &Project) -> Value {
    refiner(project.path(), ["doctor", "--json"]).json()["findings"].clone()
}

/// Runs `refiner trust` for a person who trusts everything.
fn trust_all(project: &Project) -> (Option<i32>, String) {
    let mut trust = command(project.path());
    trust.arg("trust");
    on_terminal(trust, "yes\n")
}

/// Gives a piece of JSON to the program as what the documents say that it is. Returns how the
/// program took it, or `None` when nothing here knows it.
fn tried(value: &Value) -> Option<Result<(), String>> {
    let project = Project::new();
    let has = |name: &str| value.get(name).is_some();
    assert_eq!(refiner(project.path(), ["init", "report", "--workflow", "document"]).code, Some(0));
    let taken = |finished: crate::common::Finished| match finished.code {
        Some(0) => Ok(()),
        _ => Err(finished.stderr),
    };
    let healthy = |project: &Project| match findings(project) {
        found if found == json!([]) => Ok(()),
        found => Err(found.to_string()),
    };
    if has("states") {
        let id = value["id"].as_str().unwrap();
        put(&project, &format!(".refiner/workflows/{id}/workflow.json"), value);
        let (_, screen) = trust_all(&project);
        let opened = refiner(project.path(), ["init", "other", "--workflow", id]);
        return Some(taken(opened).map_err(|error| error + &screen));
    }
    if has("triggers") {
        put(&project, ".config/refiner/triggers.json", value);
        return Some(healthy(&project));
    }
    if has("validation") {
        let constraint = value.to_string();
        let init = ["init", "note", "--goal", "a note", "--constraint", &constraint];
        return Some(taken(refiner(project.path(), init)));
    }
    if has("patch") && has("name") {
        let name = value["name"].as_str().unwrap();
        let patch = value["patch"].to_string();
        return Some(taken(refiner(project.path(), ["save", name, "--patch", &patch])));
    }
    if has("output_dir") {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let globs = value["files"].as_array().unwrap().iter();
        let globs = globs.flat_map(|glob| ["--file".to_owned(), text(glob)]);
        let init = ["init".to_owned(), text(&value["name"]), "--output-dir".to_owned()];
        let init = init.into_iter().chain([text(&value["output_dir"])]).chain(globs);
        return Some(taken(refiner(project.path(), init)));
    }
    if has("approvals") || has("projects") {
        put(&project, ".config/refiner/config.json", value);
        let verified = refiner(project.path(), ["verify", "report"]);
        return Some(if verified.stderr.contains("config.json cannot be used") {
            Err(verified.stderr)
        } else {
            taken(verified)
        });
    }
    if has("mcpServers") {
        let shipped: Value = serde_json::from_str(&read("mcp.json")).unwrap();
        return Some(if shipped == *value { Ok(()) } else { Err("mcp.json differs".to_owned()) });
    }
    None
}

#[test]
fn json_in_documents_is_what_the_program_takes() {
    let mut lines = 0;
    for block in all_blocks("json") {
        let value: Value = serde_json::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", block.document, block.text));
        if value.get("crc").is_some() {
            assert_eq!(framed(block.text.as_bytes()), block.text.as_bytes(), "{}", block.document);
            lines += 1;
        } else if block.argument().is_none() {
            let tried = tried(&value);
            assert_eq!(tried, Some(Ok(())), "{}: {}", block.document, block.text);
        }
    }
    assert_eq!(lines, 2, "lines of a journal");
}

#[test]
fn json_that_the_program_refuses_is_noticed() {
    for wrong in [
        json!({ "id": "letter", "version": 1, "states": {} }),
        json!({ "triggers": [{ "name": "a", "on": "sometimes" }] }),
        json!({ "id": "a", "validation": { "method": "magic" } }),
        json!({ "name": "report", "patch": { "phase": "x" } }),
        json!({ "approvals": "never" }),
        json!({ "mcpServers": {} }),
    ] {
        assert!(matches!(tried(&wrong), Some(Err(_))), "{wrong} was accepted");
    }
    assert_eq!(tried(&json!({ "unknown": 1 })), None);
}

/// Returns the commands that a document names: in code of a line, and in blocks for a shell.
fn commands(document: &str, text: &str) -> Vec<String> {
    let blocks = blocks(document, text);
    let shell = blocks.iter().filter(|block| ["sh", "console"].contains(&block.language()));
    let lines =
        shell.flat_map(|block| block.text.lines()).map(|line| line.trim_start_matches("$ "));
    let outside: String = text.split("\n```").step_by(2).collect();
    let inline = outside.split('`').skip(1).step_by(2);
    let all = inline.chain(lines).filter(|code| code.starts_with("refiner "));
    all.map(str::to_owned).collect()
}

/// Returns the help of a subcommand, with that of the subcommands below it.
fn help(subcommand: &str) -> Option<String> {
    let project = Project::new();
    let below = match subcommand {
        "token" => vec!["create", "list", "revoke"],
        "output" => vec!["write", "read", "list"],
        _ => Vec::new(),
    };
    let mut help = refiner(project.path(), [subcommand, "--help"]);
    for name in below {
        help.stdout += &refiner(project.path(), [subcommand, name, "--help"]).stdout;
    }
    (help.code == Some(0)).then_some(help.stdout)
}

/// Returns what is wrong with a command line that a document names.
fn wrong(line: &str, helps: &mut BTreeMap<String, Option<String>>) -> Option<String> {
    let mut words = line.split_whitespace().skip(1);
    let subcommand = words.next().filter(|word| !word.starts_with(['-', '.']))?;
    let help = helps.entry(subcommand.to_owned()).or_insert_with(|| help(subcommand));
    let Some(help) = help else { return Some(format!("{line}: there is no {subcommand}")) };
    let options = words.map(|word| word.trim_matches(|end: char| "[],;.)|".contains(end)));
    let options = options.map(|word| word.split('=').next().unwrap_or_default());
    let mut unknown = options.filter(|word| word.starts_with("--") && !help.contains(word));
    unknown.next().map(|option| format!("{line}: there is no {option}"))
}

#[test]
fn commands_in_documents_and_their_options_exist() {
    let mut helps = BTreeMap::new();
    let (mut found, mut checked) = (Vec::new(), 0);
    for (name, text) in documents() {
        let lines = commands(&name, &text);
        checked += lines.len();
        found.extend(lines.iter().filter_map(|line| wrong(line, &mut helps)));
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(checked > 60, "{checked} commands");
    assert!(wrong("refiner prove note", &mut helps).is_some());
    assert!(wrong("refiner show note --loudly", &mut helps).is_some());
}

#[test]
fn readme_and_architecture_are_short() {
    for (path, most) in
        [("README.md", README_WORDS_MAX), ("ARCHITECTURE.md", ARCHITECTURE_WORDS_MAX)]
    {
        let words = read(path).split_whitespace().count();
        assert!(words <= most, "{path} has {words} words");
    }
}
