//! Files that game each method: they satisfy the letter of a check, and the work is not right.
//!
//! Each method has at least one such file, of which this says whether the check catches it or whether it
//! is a limit. The manual has the same table (`published.rs` writes it).

use std::time::Duration;

use serde_json::{Value, json};

use super::testing::{Dist, HEADERS, IMAGES, run_with};
use super::{CommandPolicy, Context, methods};

/// What becomes of a file that games a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The check finds it violated, or does not measure it.
    Caught,
    /// The check is satisfied.
    Limit,
}
use Fate::{Caught, Limit};

/// A file that games a check.
#[derive(Clone, Copy, Debug)]
pub(super) struct Game {
    /// What is done, in the words of the manual.
    pub(super) trick: &'static str,
    pub(super) fate: Fate,
    file: &'static [u8],
}

/// The games of one method, and an honest file that satisfies the same check.
pub(super) struct Games {
    pub(super) method: &'static str,
    params: fn() -> Value,
    honest: &'static [u8],
    pub(super) games: &'static [Game],
}

const fn game(trick: &'static str, fate: Fate, file: &'static str) -> Game {
    Game { trick, fate, file: file.as_bytes() }
}

/// The games of each method, in the order of the methods.
pub(super) const GAMES: &[Games] = &[
    Games {
        method: "command",
        params: || json!({"command": ["sh", "check.sh"]}),
        honest: b"test 1 -lt 2",
        games: &[game(
            "the script of the command does nothing (`protects` pins it)",
            Limit,
            "exit 0",
        )],
    },
    Games {
        method: "contrast",
        params: || json!({"path": "f.css", "foreground": "#000", "background": "#fff"}),
        honest: b"p { color: #000; background: #fff }",
        games: &[
            game(
                "the colours stand in a comment",
                Caught,
                "/* color: #000; background: #fff */ p { color: #eee }",
            ),
            game(
                "the text has the colour of the background",
                Caught,
                "p { color: #fff; background: #000 }",
            ),
            game(
                "a rule that no element uses has the colours",
                Limit,
                ".unused { color: #000; background: #fff } p { color: #eee }",
            ),
        ],
    },
    Games {
        method: "contrast",
        params: || json!({"foreground": "#000", "background": "#fff"}),
        honest: b"p { color: #000; background: #fff }",
        games: &[game(
            "without `path` no file is read, and the evidence says so",
            Limit,
            "p { color: #eee }",
        )],
    },
    Games {
        method: "contrast",
        params: || json!({"path": "f.css"}),
        honest: b"p { color: #000; background: #fff }",
        games: &[
            game(
                "one rule of many is too pale",
                Caught,
                "p { color: #000; background: #fff } b { color: #eee; background: #fff }",
            ),
            game(
                "a colour hides behind a property that has no value",
                Caught,
                "p { color: var(--a); background: #fff }",
            ),
            game(
                "text and background are declared in different rules",
                Limit,
                "p { color: #000; background: #fff } body { background: #fff } b { color: #eee }",
            ),
        ],
    },
    Games {
        method: "file_exists",
        params: || json!({"path": "f"}),
        honest: b"a report",
        games: &[game("the file is empty (add `not_empty`)", Limit, "")],
    },
    Games {
        method: "file_size",
        params: || json!({"path": "f", "min": 8}),
        honest: b"a report",
        games: &[game(
            "white space fills the file up to `min` (add `not_empty`)",
            Limit,
            "         ",
        )],
    },
    Games {
        method: "headings_in_order",
        params: || json!({"path": "f.md"}),
        honest: b"# a\n\n## b\n\ntext",
        games: &[
            game("the file has no heading", Caught, "text"),
            game(
                "the title is in a code block or a comment",
                Caught,
                "```\n# a\n```\n<!-- # a -->\n\n## b\n",
            ),
            game("the headings say nothing", Limit, "# x\n\n## x\n"),
        ],
    },
    Games {
        method: "image",
        params: || json!({"path": "f", "format": "png", "width": 3}),
        honest: IMAGES[0],
        games: &[
            Game { trick: "the file is a header without pixels", fate: Caught, file: HEADERS[0] },
            game(
                "the file is of another format",
                Caught,
                "<svg xmlns='http://www.w3.org/2000/svg'><path/></svg>",
            ),
            Game {
                trick: "the picture has one colour, or shows something else",
                fate: Limit,
                file: IMAGES[0],
            },
        ],
    },
    Games {
        method: "image",
        params: || json!({"path": "f", "format": "svg"}),
        honest: b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0h1'/></svg>",
        games: &[
            game(
                "the drawing has no shape, or only defines one",
                Caught,
                "<svg xmlns='http://www.w3.org/2000/svg'><defs><path d='M0 0h1'/></defs></svg>",
            ),
            game(
                "the shape is invisible or outside of the picture",
                Limit,
                "<svg xmlns='http://www.w3.org/2000/svg'><path d=''/></svg>",
            ),
        ],
    },
    Games {
        method: "json_schema",
        params: || json!({"path": "f", "schema": {"required": ["name"], "properties": {"name": {"type": "string"}}}}),
        honest: br#"{"name": "a report"}"#,
        games: &[
            game("a required field is left out", Caught, "{}"),
            game(
                "the schema asks for little, and a dummy value satisfies it",
                Limit,
                r#"{"name": ""}"#,
            ),
        ],
    },
    Games {
        method: "json_schema",
        params: || json!({"path": "f", "schema": "schema"}),
        honest: br#"{"name": "a report"}"#,
        games: &[game("the schema in a file is `true`, `{}` or has only a title", Caught, "{}")],
    },
    Games {
        method: "links_resolve",
        params: || json!({"path": "f.md"}),
        honest: b"[a](there.md)",
        games: &[
            game("a link leads to a file that shows nothing", Caught, "[a](blank.md)"),
            game("the links are gone", Limit, "a"),
            game(
                "a link leads to another host, which is not asked",
                Limit,
                "[a](https://example.invalid/gone)",
            ),
        ],
    },
    Games {
        method: "manifest_complete",
        params: || json!({}),
        honest: br#"{"variants": [{"file": "there.md"}]}"#,
        games: &[
            game("the manifest names no file", Caught, r#"{"variants": []}"#),
            game(
                "a file of the manifest shows nothing",
                Caught,
                r#"{"variants": [{"file": "blank.md"}]}"#,
            ),
            game(
                "two variants are one file (a target for `files` counts it once)",
                Limit,
                r#"{"variants": [{"name": "a", "file": "there.md"}, {"name": "b", "file": "there.md"}]}"#,
            ),
        ],
    },
    Games {
        method: "not_empty",
        params: || json!({"path": "f.md"}),
        honest: b"a report",
        games: &[
            game(
                "the file has zero-width characters or NUL bytes",
                Caught,
                "\u{feff}\u{200b}\u{2060}\0",
            ),
            game("the file is a comment", Caught, "<!-- a report -->\n"),
            game("the file has one letter", Limit, "x"),
        ],
    },
    Games {
        method: "parses",
        params: || json!({"path": "f", "format": "json"}),
        honest: br#"{"a": 1}"#,
        games: &[
            game("the file shows nothing", Caught, " \u{feff}\n"),
            game("the file is a value that says nothing, such as `{}`", Limit, "{}"),
        ],
    },
    Games {
        method: "sections_present",
        params: || json!({"path": "f.md", "sections": ["Summary"]}),
        honest: b"# Summary\n\nWhat happened.",
        games: &[
            game(
                "the heading is in a code block or a comment",
                Caught,
                "```\n# Summary\n```\n<!--\n# Summary\n-->\n\nx",
            ),
            game(
                "nothing is below the heading",
                Caught,
                "# Summary\n\n<!-- later -->\n\n# Next\n\nx",
            ),
            game("one word is below the heading", Limit, "# Summary\n\nx"),
        ],
    },
    Games {
        method: "text_absent",
        params: || json!({"path": "f", "pattern": "TBD"}),
        honest: b"done",
        games: &[
            game("an invisible character splits the word", Caught, "T\u{200b}BD"),
            game("a letter is written as another, or as an entity", Limit, "\u{422}BD T&#66;D"),
            game("the file is empty (add `not_empty`)", Limit, ""),
        ],
    },
    Games {
        method: "text_matches",
        params: || json!({"path": "f", "pattern": "[^a-z\\s]"}),
        honest: b"It ends.",
        games: &[
            game("an invisible character is the match", Caught, "a\u{200b}"),
            game("the text stands in a comment, or alone", Limit, "<!-- It ends. -->"),
        ],
    },
    Games {
        method: "word_count",
        params: || json!({"path": "f.md", "min": 3}),
        honest: b"one two three",
        games: &[
            game(
                "words are invisible, in a comment or in front matter",
                Caught,
                "---\ntitle: a b c\n---\n\u{200b} \u{200b} \u{200b}\n<!-- a b c -->\n\none",
            ),
            game("the same word is repeated, or a style sheet hides it", Limit, "a a a"),
        ],
    },
    Games {
        method: "word_count",
        params: || json!({"path": "f.md", "max": 1}),
        honest: b"one",
        games: &[game(
            "blanks that are no white space join the words",
            Caught,
            "one\u{2800}two\u{3164}three",
        )],
    },
];

/// Runs a check where its file is the one given, under each name that a check here reads.
fn run(games: &Games, file: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("check.sh"), file);
    let policy = CommandPolicy {
        allowed: vec![vec!["sh".to_owned(), "check.sh".to_owned()]],
        directory: folder.path().to_owned(),
        timeout: Duration::from_secs(20),
    };
    let mut dist = Dist::of(&[("there.md", "x"), ("blank.md", "\u{200b}")]);
    for name in ["f", "f.css", "f.md"] {
        dist.put(name, file);
    }
    let schema: &[u8] =
        if file == b"{}" { b"{\"title\": \"a\"}" } else { b"{\"minProperties\": 1}" };
    dist.put("schema", schema);
    let manifest = serde_json::from_slice(file).unwrap_or(Value::Null);
    let context = Context { manifest: Some(&manifest), commands: Some(&policy) };
    run_with(games.method, &(games.params)(), &dist, &context)
}

#[expect(clippy::disallowed_methods, reason = "a script in a temporary folder")]
fn write(path: &std::path::Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
}

#[test]
fn each_method_has_a_file_that_games_it() {
    let mut named: Vec<&str> = GAMES.iter().map(|games| games.method).collect();
    named.dedup();
    let all: Vec<&str> = methods().iter().map(|method| method.name).collect();
    assert_eq!(named, all, "add the games of a new method to {}", file!());
    assert!(GAMES.iter().all(|games| !games.games.is_empty()));
}

#[cfg(unix)]
#[test]
fn a_file_that_games_a_check_meets_its_fate() {
    for games in GAMES {
        let honest = run(games, games.honest);
        assert!(honest.starts_with('+'), "{}: {honest}", games.method);
        for game in games.games {
            let found = run(games, game.file);
            let fate = if found.starts_with('+') { Limit } else { Caught };
            assert_eq!(fate, game.fate, "{}, {}: {found}", games.method, game.trick);
        }
    }
}
