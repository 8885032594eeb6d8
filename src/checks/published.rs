//! What others read of the methods, held against the list of methods: the schemas, the manual, and
//! the prompt `specify`. `UPDATE_CHECKS=1` writes the first two anew.

use std::fs;

use regex::Regex;

use super::gaming::{Fate, GAMES, Game};
use super::{Kind, Method, Param, methods};

/// The files that are written from the list.
const WRITTEN: [&str; 4] = [
    "docs/workflows-and-checks.md",
    "schemas/constraints.schema.json",
    "schemas/document.schema.json",
    "schemas/specification.schema.json",
];

const PROMPT: &str = "prompts/pmpo/specify.md";

fn place(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(place(path)).unwrap()
}

/// Returns the params of a method, with `?` for what may be omitted.
fn params(method: &Method, show: impl Fn(&Param, String) -> String) -> String {
    let mark = |one: &Param| if one.required { "" } else { "?" };
    let shown = method.params.iter().map(|one| show(one, format!("{}{}", one.name, mark(one))));
    shown.collect::<Vec<_>>().join(", ")
}

/// Returns the params of a method as the schemas and the prompt list them.
fn takes(method: &Method) -> String {
    params(method, |param, name| match param.kind {
        Kind::Choice(words) => format!("{name} ({})", words.join(", ")),
        Kind::Texts => format!("{name} (a list)"),
        Kind::Pattern => format!("{name} (a regular expression)"),
        _ => name,
    })
}

fn row(method: &Method) -> String {
    let params = params(method, |_, name| format!("`{name}`"));
    format!("| `{}` | {} | {params} |\n", method.name, method.description).replace("|  |", "| |")
}

/// Returns which files that game a method it catches, and which ones are a limit.
fn row_of_games(method: &Method) -> String {
    let games = GAMES.iter().filter(|games| games.method == method.name);
    let games: Vec<&Game> = games.flat_map(|games| games.games).collect();
    let tricks = |fate: Fate| {
        let of_fate = games.iter().filter(|game| game.fate == fate);
        of_fate.map(|game| game.trick).collect::<Vec<_>>().join("; ")
    };
    format!("| `{}` | {} | {} |\n", method.name, tricks(Fate::Caught), tricks(Fate::Limit))
        .replace("|  |", "| |")
}

fn each(separator: &str, show: impl Fn(&Method) -> String) -> String {
    methods().iter().map(|method| show(method)).collect::<Vec<_>>().join(separator)
}

/// Returns a text with what the list of methods says in it.
fn written(text: &str) -> String {
    let names = each(", ", |method| format!("\"{}\"", method.name));
    let params = each("; ", |method| match takes(method) {
        takes if takes.is_empty() => format!("{} nothing", method.name),
        takes => format!("{} {takes}", method.name),
    });
    let written = [
        (r#""enum": \[\s*"command",[^\]]*\]"#, format!("\"enum\": [{names}]")),
        (
            r#""description": "What the method needs;[^"]*""#,
            format!(
                "\"description\": \"What the method needs; paths are relative to dist/, and ? marks \
                 what may be omitted. {params}.\""
            ),
        ),
        (
            r"(?s)\| method \| what holds \| parameters \|\n.*?\n\n",
            format!("| method | what holds | parameters |\n|---|---|---|\n{}\n", each("", row)),
        ),
        (
            r"(?s)\| method \| caught \| a limit \|\n.*?\n\n",
            format!("| method | caught | a limit |\n|---|---|---|\n{}\n", each("", row_of_games)),
        ),
    ];
    let replace = |text: String, (pattern, new): &(&str, String)| {
        Regex::new(pattern).unwrap().replace(&text, regex::NoExpand(new)).into_owned()
    };
    written.iter().fold(text.to_owned(), replace)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "files of the project are written anew")]
fn the_schemas_and_the_manual_list_every_method() {
    let mut stale = Vec::new();
    for path in WRITTEN {
        let text = read(path);
        let new = written(&text);
        assert!(methods().iter().all(|method| new.contains(method.name)), "{path} has no list");
        if std::env::var_os("UPDATE_CHECKS").is_some() {
            fs::write(place(path), new).unwrap();
        } else if new != text {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "run this test with UPDATE_CHECKS=1, which writes {stale:?} anew");
}

/// Returns what the prompt does not say of a method, or says wrongly.
fn fault_of_prompt(prompt: &str, method: &Method) -> Option<String> {
    let name = format!("`{}`", method.name);
    let list = prompt.lines().find(|line| line.starts_with("Methods with their params"))?;
    let (_, list) = list.split_once("): ")?;
    let entry = list.split(" · ").find(|entry| entry.starts_with(&name));
    let Some(entry) = entry.and_then(|entry| entry.strip_prefix(&name)) else {
        return Some(format!("add this to the methods in {PROMPT}: · {name} {}", takes(method)));
    };
    let named = entry.split(" (").next().unwrap_or_default().split(',');
    let named: Vec<&str> = named.map(|param| param.trim().trim_end_matches('?')).collect();
    let unknown = |param: &&&str| !method.params.iter().any(|one| one.name == **param);
    let unknown = named.iter().filter(|param| !param.is_empty()).find(unknown);
    let needed = method.params.iter().find(|one| one.required && !named.contains(&one.name));
    let wrong = unknown.copied().or(needed.map(|one| one.name))?;
    Some(format!("{PROMPT} is wrong about {wrong} of {name}: it takes {}", takes(method)))
}

#[test]
fn the_prompt_specify_names_every_method() {
    let prompt = read(PROMPT);
    let faults = methods().iter().filter_map(|method| fault_of_prompt(&prompt, method));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let entries = prompt.lines().find(|line| line.starts_with("Methods with their params"));
    assert_eq!(entries.unwrap().split(" · ").count(), methods().len());
}

#[test]
fn a_stale_list_of_methods_is_found() {
    let method = methods().iter().find(|method| method.name == "text_matches").unwrap();
    for (entries, fault) in [
        ("`text_matches` path, pattern", None),
        ("`a` x · `text_matches` path, pattern? (why)", None),
        ("`a` path", Some("add this to the methods")),
        ("`text_matches` path", Some("wrong about pattern")),
        ("`text_matches` path, pattern, case?", Some("wrong about case")),
    ] {
        let prompt = format!("a\nMethods with their params (`?` …): {entries}\nb\n");
        let found = fault_of_prompt(&prompt, method);
        assert_eq!(found.is_some(), fault.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(fault.unwrap_or_default()), "{entries}");
    }
    let schema =
        r#"{"enum": ["command", "x"], "params": {"description": "What the method needs; x"}}"#;
    for new in ["\"word_count\"]", "text_absent path, pattern (a regular expression), ignore_case?"]
    {
        assert!(written(schema).contains(new), "{}", written(schema));
    }
}
