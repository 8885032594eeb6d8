//! Each check finds what it is there for, in files that are wrong on purpose.

use super::circles::circles;
use super::names::names_too_long;
use super::subjects::bad_subjects;
use super::*;

#[test]
fn a_layer_that_is_named_upwards_is_found_however_it_is_written() {
    for (path, line, found) in [
        ("src/model/a.rs", "use crate::storage::Provider;", 1),
        ("src/model/a/b.rs", "use super::super::super::service::Service;", 1),
        ("src/storage/a.rs", "    let x = crate::service::Service::new();", 1),
        ("src/service/a.rs", "use crate::{cli::Cli, mcp, model::Name};", 2),
        ("src/service/a.rs", "use crate::{\n    model,\n    cli,\n};\n", 1),
        ("src/mcp/a.rs", "use crate::cli::Cli;", 1),
        ("src/mcp/a.rs", "use crate::http::Options;", 1),
        ("src/http/a.rs", "use crate::cli::Cli;", 1),
        ("src/http/a.rs", "use crate::mcp::wire;", 0),
        ("src/hooks/a.rs", "use crate::service::Service;", 1),
        ("src/checks/a.rs", "use crate::storage::Provider;", 1),
        ("src/cli/a.rs", "use crate::{http, mcp::stdio};", 0),
        ("src/cli/a.rs", "use crate::{model, service::Service, storage};", 0),
        ("src/storage/a.rs", "use crate::model::Name; // crate::modelling", 0),
        ("src/storage/a.rs", "// as crate::service does", 0),
        ("src/lib.rs", "pub use crate::cli::Cli;", 0),
    ] {
        assert_eq!(layers_named_upwards(&File::new(path, line)).len(), found, "{path}: {line}");
    }
}

#[test]
fn a_circle_of_files_is_found_however_it_is_written() {
    for (a, b, found) in [
        ("use super::b::B;", "use crate::mcp::a::{A, C};", "src/mcp: a, b"),
        ("use super::{d::D, b::{self, B}};", "fn x() { super::a::x() }", "src/mcp: a, b"),
        ("use super::B;", "use super::a::A;", "src/mcp: a, b"),
        ("use super::c;", "use super::a::A;", "src/mcp: a, b, c"),
        ("use super::B;", "#[cfg(test)]\nmod tests {\n    use super::super::a::A;\n}\n", ""),
        ("use super::B;", "use super::D;", ""),
    ] {
        let files = [
            File::new("src/mcp/mod.rs", "pub use self::b::B;\npub struct D;"),
            File::new("src/mcp/a.rs", a),
            File::new("src/mcp/b.rs", b),
            File::new("src/mcp/c/mod.rs", "#[cfg(test)]\nmod tests;\nmod d;"),
            File::new("src/mcp/c/d.rs", "use crate::mcp::b::B;"),
            File::new("src/mcp/c/tests.rs", "use super::d::B; use crate::mcp::a;"),
        ];
        assert_eq!(circles(&files).join("; "), found, "{a} {b}");
    }
}

#[test]
fn a_subject_without_topic_or_end_is_found() {
    let (good, long) = ("a: ".to_owned() + &"ü".repeat(69), "a: ".to_owned() + &"u".repeat(70));
    for (subject, found) in [
        ("mcp, cli: why", 0),
        (good.as_str(), 0),
        (long.as_str(), 1),
        ("wip", 1),
        ("topic:", 1),
        ("A sentence: why", 1),
        ("", 0),
    ] {
        assert_eq!(bad_subjects(subject).len(), found, "{subject}");
    }
    assert_eq!(bad_subjects("a: b\nwip\nc: d\nwip\n").len(), 2);
}

#[test]
fn a_new_test_with_a_long_name_is_found() {
    let name = |words: usize| vec!["a"; words].join("_");
    let test = |attribute: &str, words: usize| {
        format!("    #[{attribute}]\n    #[cfg(unix)]\n    async fn {}() {{}}\n", name(words))
    };
    let earlier = File::new("tests/tidy/long-names.txt", &format!("{}\n", name(12)));
    let found = |text: &str| names_too_long(&[File::new("src/a.rs", text), earlier.clone()]);
    let known = test("test", 12);
    assert_eq!(found(&format!("{known}{}", test("test", 10))).len(), 0);
    assert_eq!(found(&format!("{known}{}", test("test", 11))).len(), 1);
    assert_eq!(found(&format!("{known}{}", test("tokio::test(start_paused = true)", 11))).len(), 1);
    assert_eq!(found(&format!("{known}fn {}() {{}}", name(11))).len(), 0, "no test");
    assert_eq!(found("").len(), 1, "an earlier name that is gone");
}

#[test]
fn io_in_the_model_is_found_unless_it_is_a_tests() {
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    let after = format!("{tested}use std::fs;\n");
    for (path, text, found) in [
        ("src/model/a.rs", "let now = SystemTime::now();", 1),
        ("src/model/a.rs", "let id = Uuid::now_v7();", 1),
        ("src/model/a.rs", tested, 0),
        ("src/model/a.rs", &after, 1),
        ("src/service/a.rs", "let now = SystemTime::now();", 0),
    ] {
        assert_eq!(impure_model(&File::new(path, text)).len(), found, "{path}: {text}");
    }
}

#[test]
fn a_file_that_is_too_long_is_found_by_its_code_alone() {
    let code = "let x = 1;\n".repeat(CODE_LINES_MAX);
    let padded = format!("{code}\n// why\n\n/// what\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
    assert_eq!(too_long(&File::new("src/a.rs", &padded)), Vec::<String>::new());
    assert_eq!(too_long(&File::new("src/a.rs", &format!("{padded}let y = 2;\n"))).len(), 1);
}

#[test]
fn a_test_file_that_is_not_declared_is_found() {
    let main = File::new("tests/main.rs", "mod a;\nmod common;\n");
    let beside = ["tests/a.rs", "tests/common/mod.rs", "tests/common/b.rs", "tests/c.rs"];
    let mut files: Vec<File> = beside.iter().map(|path| File::new(path, "")).collect();
    files.push(main);
    assert_eq!(undeclared_tests(&files), ["tests/main.rs does not declare c"]);
}

#[test]
fn a_guarantee_whose_test_is_missing_or_that_names_none_is_found() {
    let row = |tests: &str| format!("| durable | how `x` | {tests} |\n");
    let table =
        |rows: &str| format!("\n## Guarantees\n\n| a | b | c |\n|---|---|---|\n{rows}\n## Next\n");
    let nine = row("`a`, `b`").repeat(5);
    let guarantees = File::new("docs/guarantees.md", &table(&format!("{nine}{}", row("PENDING"))));
    let files = [guarantees, File::new("src/a.rs", "fn a() {}\nfn b_more() {}\n")];
    assert_eq!(guarantees_without_a_test(&files).len(), 5, "b, once a row");
    assert_eq!(guarantees_that_name_no_test(&files).len(), 1);
    assert_eq!(guarantees_without_a_test(&[]).len(), 1, "a table that is not there");
}

#[test]
fn a_path_or_a_link_that_leads_nowhere_is_found() {
    let text =
        "`a.rs`, model/b.rs: `gone.rs`, `src/model/`, `service/`, `<x>.rs`, trash/ [1](x.md)";
    let paths = ["src/model/a.rs", "src/model/b.rs"].map(|path| File::new(path, ""));
    let files = [paths.to_vec(), vec![File::new("ARCHITECTURE.md", text)]].concat();
    let found = paths_that_lead_nowhere(&files);
    assert_eq!(found, ["ARCHITECTURE.md names gone.rs", "ARCHITECTURE.md names service/"]);
    assert_eq!(broken_links(&files), ["ARCHITECTURE.md links to x.md"]);
}

#[test]
fn a_tool_that_the_page_of_tools_leaves_out_is_found() {
    let tool = |name: &str| {
        let text = format!("    const NAME: &'static str = \"{name}\";\n");
        File::new(&format!("src/service/operations/{name}.rs"), &text)
    };
    let files = [tool("save"), tool("load"), File::new("docs/tools.md", "| `save` | saves |\n")];
    assert_eq!(undocumented_tools(&files), ["docs/tools.md does not mention the tool load"]);
    assert_eq!(undocumented_tools(&files[2..]).len(), 1, "no tool is found at all");
}

#[test]
fn what_is_unfinished_or_of_one_machine_is_found() {
    for word in UNFINISHED {
        assert_eq!(unfinished(&File::new("a", &format!("// {word} later"))).len(), 1, "{word}");
    }
    for folder in MACHINE_FOLDERS {
        for (text, found) in [
            (format!("see {folder}/x"), 1),
            (format!("\"{folder}\""), 1),
            (format!("src{folder}/x {folder}flows .{folder}/y"), 0),
        ] {
            assert_eq!(paths_of_a_machine(&File::new("a", &text)).len(), found, "{text}");
        }
    }
}

#[test]
fn a_text_that_ends_without_a_newline_or_with_two_is_found() {
    for (text, found) in [("a", 1), ("a\n\n", 1), ("\n\n", 1), ("a\n", 0), ("", 0)] {
        assert_eq!(bad_ends(&File::new("a", text)).len(), found, "{text:?}");
    }
}
