//! Plain English: what users and models read names the one who acts.

use super::*;

/// Words that name no actor, or hide one. The vocabulary in CONTRIBUTING.md says what to write instead.
const VAGUE: [&str; 7] = [
    "nobody",
    "whoever",
    "somebody",
    "is told of",
    "none to the",
    "what it is,",
    "neither of what",
];

/// Finds vague words in the texts of the program, which are those between quotes.
fn vague_texts(file: &File) -> Vec<String> {
    let is_program = file.is_code() && file.path.starts_with("src/") && !file.path.contains("test");
    let code = if is_program { file.code() } else { Vec::new() };
    let texts = code.iter().flat_map(|line| line.split('"').skip(1).step_by(2));
    let found = |text: &str| VAGUE.iter().find(|word| text.contains(**word)).copied();
    texts.filter_map(found).map(|word| format!("{}: {word}", file.path)).collect()
}

#[test]
fn texts_of_the_program_name_who_acts() {
    check(|files| each(files, vague_texts));
}

#[test]
fn a_vague_word_is_found_in_texts_of_the_program_alone() {
    for (path, line, found) in [
        ("src/mcp/a.rs", r#"let a = "nobody answered";"#, 1),
        ("src/mcp/a.rs", r#"let nobody = "a person"; // somebody"#, 0),
        ("src/mcp/a.rs", r#"call("one", "somebody wrote");"#, 1),
        ("src/service/tests/a.rs", r#"let a = "nobody answered";"#, 0),
        ("src/mcp/a.rs", "/// \"nobody\"", 0),
        ("tests/a.rs", r#"let a = "nobody answered";"#, 0),
    ] {
        assert_eq!(vague_texts(&File::new(path, line)).len(), found, "{path}: {line}");
    }
}
