//! Inferring the types of an artifact from its goals when the caller omits them.

use serde_json::{Map, Value};

use crate::model::Document;
use crate::model::document::taxonomy::{self, Route};

/// The inferred types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// The artifact type, if the caller omitted it.
    pub artifact_type: Option<&'static str>,
    /// The content type, if the caller omitted it.
    pub content_type: Option<&'static str>,
    /// The source, such as `"report" in the goals`.
    pub because: String,
}

/// Words with the content type that they mean. The earliest word in the goals counts, and of two at
/// the same place the longer one.
const WORDS: [(&str, &str); 61] = [
    ("image prompt", "meta:image-prompt"),
    ("video prompt", "meta:video-prompt"),
    ("system prompt", "meta:agent-prompt"),
    ("agent prompt", "meta:agent-prompt"),
    ("workflow prompt", "meta:workflow"),
    ("agent workflow", "meta:workflow"),
    ("prompt chain", "meta:workflow"),
    ("prompt", "meta:agent-prompt"),
    ("a2ui", "direct:a2ui"),
    ("ag-ui", "direct:ag-ui"),
    ("logo", "direct:svg"),
    ("logotype", "direct:svg"),
    ("wordmark", "direct:svg"),
    ("favicon", "direct:svg"),
    ("icon", "direct:svg"),
    ("react", "direct:react"),
    ("component", "direct:react"),
    ("user interface", "direct:react"),
    ("web page", "direct:html"),
    ("website", "direct:html"),
    ("landing page", "direct:html"),
    ("dashboard", "direct:html"),
    ("html", "direct:html"),
    ("image", "direct:image"),
    ("picture", "direct:image"),
    ("photo", "direct:image"),
    ("illustration", "direct:image"),
    ("poster", "direct:image"),
    ("banner", "direct:image"),
    ("report", "direct:content"),
    ("article", "direct:content"),
    ("essay", "direct:content"),
    ("blog post", "direct:content"),
    ("newsletter", "direct:content"),
    ("white paper", "direct:content"),
    ("documentation", "direct:content"),
    ("tutorial", "direct:content"),
    ("readme", "direct:content"),
    ("guide", "direct:content"),
    ("letter", "direct:content"),
    ("memo", "direct:content"),
    ("story", "direct:content"),
    ("speech", "direct:content"),
    ("email", "direct:content"),
    ("e-mail", "direct:content"),
    ("release notes", "direct:content"),
    ("announcement", "direct:content"),
    ("flaky test", "direct:code"),
    ("unit test", "direct:code"),
    ("bug", "direct:code"),
    ("code", "direct:code"),
    ("function", "direct:code"),
    ("library", "direct:code"),
    ("module", "direct:code"),
    ("script", "direct:code"),
    ("program", "direct:code"),
    ("cli", "direct:code"),
    ("api", "direct:code"),
    ("algorithm", "direct:code"),
    ("parser", "direct:code"),
    ("refactor", "direct:code"),
];

/// File endings with the content type that they mean, the longer ones first. Ambiguous endings such
/// as `json`, and endings that occur in names, as in Node.js, are absent.
const ENDINGS: [(&str, &str); 32] = [
    (".a2ui.json", "direct:a2ui"),
    (".a2ui.jsonl", "direct:a2ui"),
    (".prompt.md", "meta:agent-prompt"),
    (".prompt.txt", "meta:agent-prompt"),
    (".tsx", "direct:react"),
    (".jsx", "direct:react"),
    (".html", "direct:html"),
    (".htm", "direct:html"),
    (".css", "direct:html"),
    (".svg", "direct:svg"),
    (".png", "direct:image"),
    (".jpg", "direct:image"),
    (".jpeg", "direct:image"),
    (".webp", "direct:image"),
    (".gif", "direct:image"),
    (".md", "direct:content"),
    (".markdown", "direct:content"),
    (".docx", "direct:content"),
    (".rst", "direct:content"),
    (".txt", "direct:content"),
    (".rs", "direct:code"),
    (".py", "direct:code"),
    (".ts", "direct:code"),
    (".go", "direct:code"),
    (".java", "direct:code"),
    (".kt", "direct:code"),
    (".swift", "direct:code"),
    (".rb", "direct:code"),
    (".cpp", "direct:code"),
    (".sh", "direct:code"),
    (".sql", "direct:code"),
    (".cs", "direct:code"),
];

/// The kind of a prompt, when the goals contain only the word prompt.
const PROMPTS_FOR: [(&str, &str); 10] = [
    ("video", "meta:video-prompt"),
    ("clip", "meta:video-prompt"),
    ("sora", "meta:video-prompt"),
    ("image", "meta:image-prompt"),
    ("picture", "meta:image-prompt"),
    ("photo", "meta:image-prompt"),
    ("illustration", "meta:image-prompt"),
    ("midjourney", "meta:image-prompt"),
    ("dall-e", "meta:image-prompt"),
    ("diffusion", "meta:image-prompt"),
];

/// Sets the types that a document leaves open, and returns what its caller should know about them.
pub fn complete(document: &mut Document) -> Vec<String> {
    let inputs = document.inputs.borrow().as_object().cloned().unwrap_or_default();
    let given = (document.artifact_type.as_deref(), document.content_type.as_deref());
    let inferred = infer(&document.goals, &inputs, given.0, given.1);
    let Some(inferred) = inferred else {
        let is_open = document.artifact_type.is_none() && document.content_type.is_none();
        return if is_open { vec![UNKNOWN.to_owned()] } else { Vec::new() };
    };
    let owned = |found: Option<&'static str>| found.map(str::to_owned);
    document.artifact_type = document.artifact_type.take().or(owned(inferred.artifact_type));
    document.content_type = document.content_type.take().or(owned(inferred.content_type));
    vec![inferred.warning()]
}

/// The warning about types that nothing names.
const UNKNOWN: &str = "neither the call nor the goals say what kind of thing this is, so no prompt has advice for it: the result of specify can set artifact_type and content_type";

/// Infers the omitted types from a file or a word in the goals, then from a file in the inputs. A
/// given content type decides the artifact type; a given artifact type limits the content types.
pub fn infer(
    goals: &[String],
    inputs: &Map<String, Value>,
    artifact_type: Option<&str>,
    content_type: Option<&str>,
) -> Option<Inference> {
    if let Some(content_type) = content_type {
        let route = taxonomy::find(content_type).filter(|_| artifact_type.is_none())?;
        return Some(Inference {
            artifact_type: Some(route.artifact_type),
            content_type: None,
            because: format!("content_type {content_type}"),
        });
    }
    let fits = |route: &&Route| artifact_type.is_none_or(|given| given == route.artifact_type);
    let (route, because) = read(goals, inputs, &fits).or_else(|| {
        let given = artifact_type?;
        Some((taxonomy::usual(given)?, format!("artifact_type {given}")))
    })?;
    Some(Inference {
        artifact_type: artifact_type.is_none().then_some(route.artifact_type),
        content_type: Some(route.content_type),
        because,
    })
}

type Found = (&'static Route, String);

fn read(
    goals: &[String],
    inputs: &Map<String, Value>,
    fits: &dyn Fn(&&Route) -> bool,
) -> Option<Found> {
    let words: Vec<String> = goals.iter().flat_map(|goal| words(goal)).collect();
    let in_goals = |(route, what): Found| (route, format!("{what:?} in the goals"));
    let named = inputs.values().filter_map(Value::as_str).flat_map(words_of_path);
    let named: Vec<String> = named.collect();
    file(&words, fits).or_else(|| word(&words, fits)).map(in_goals).or_else(|| {
        file(&named, fits).map(|(route, what)| (route, format!("{what:?} in the inputs")))
    })
}

/// Finds the first file name with a known ending.
fn file(words: &[String], fits: &dyn Fn(&&Route) -> bool) -> Option<Found> {
    words.iter().find_map(|word| {
        let (_, content_type) = ENDINGS.iter().find(|(ending, _)| word.ends_with(ending))?;
        let route = taxonomy::find(content_type).filter(fits)?;
        Some((route, word.clone()))
    })
}

/// Finds the earliest word with a known meaning.
fn word(words: &[String], fits: &dyn Fn(&&Route) -> bool) -> Option<Found> {
    (0..words.len()).find_map(|start| {
        let here = WORDS.iter().filter_map(|(phrase, content_type)| {
            let length = match_length(&words[start..], phrase)?;
            let content_type = match *phrase {
                "prompt" => purpose(words).unwrap_or(content_type),
                _ => content_type,
            };
            let route = taxonomy::find(content_type).filter(fits)?;
            Some((length, route, (*phrase).to_owned()))
        });
        let (_, route, phrase) = here.max_by_key(|(length, ..)| *length)?;
        Some((route, phrase))
    })
}

fn purpose(words: &[String]) -> Option<&'static str> {
    let named = |word: &str| words.iter().any(|other| is(other, word));
    PROMPTS_FOR.iter().find(|(word, _)| named(word)).map(|(_, content_type)| *content_type)
}

/// Returns the number of words of a phrase at the beginning of a text, if it matches.
fn match_length(words: &[String], phrase: &str) -> Option<usize> {
    let length = phrase.split(' ').count();
    let matches = words.len() >= length
        && words.iter().zip(phrase.split(' ')).all(|(word, expected)| is(word, expected));
    matches.then_some(length)
}

/// Returns whether a word is another or its plural.
fn is(word: &str, expected: &str) -> bool {
    word == expected
        || word.strip_suffix('s') == Some(expected)
        || word.strip_suffix("ies").is_some_and(|stem| expected.strip_suffix('y') == Some(stem))
}

/// Splits a text into lower-case words. A file name stays one word.
fn words(text: &str) -> Vec<String> {
    const WORDS_MAX: usize = 2000;
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '+' | '#');
    let words = text.split(|c: char| !inside(c)).map(|word| word.trim_matches(['.', '-', '/']));
    words.filter(|word| !word.is_empty()).take(WORDS_MAX).map(str::to_lowercase).collect()
}

/// Returns the words of an input, if it may be a path: a short text of one line.
fn words_of_path(text: &str) -> Vec<String> {
    const PATH_BYTES_MAX: usize = 300;
    if text.len() <= PATH_BYTES_MAX && !text.contains('\n') { words(text) } else { Vec::new() }
}

impl Inference {
    /// Returns the warning for the caller.
    pub fn warning(&self) -> String {
        let types = [("artifact_type", self.artifact_type), ("content_type", self.content_type)];
        let named =
            types.iter().filter_map(|(field, value)| Some(format!("{field} {}", (*value)?)));
        let named: Vec<String> = named.collect();
        let verb = if named.len() > 1 { "were" } else { "was" };
        format!(
            "{} {verb} inferred from {}; if that is wrong, call init_state with another name and pass them",
            named.join(" and "),
            self.because
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inferred(goal: &str) -> Option<(&'static str, &'static str)> {
        let found = infer(&[goal.to_owned()], &Map::new(), None, None)?;
        Some((found.artifact_type?, found.content_type?))
    }

    #[test]
    fn what_is_to_be_made_is_read_from_the_first_file_or_word_that_names_it() {
        for (goal, expected) in [
            ("A report on our React components", ("content", "direct:content")),
            ("Draw the logos of ACME", ("logo", "direct:svg")),
            ("Write notes.md about the logo", ("content", "direct:content")),
            ("Mend `src/Button.tsx`.", ("ui", "direct:react")),
            ("A landing page with a logo", ("ui", "direct:html")),
            ("An image prompt for a logo", ("meta-prompt", "meta:image-prompt")),
            ("A prompt that makes short videos", ("meta-prompt", "meta:video-prompt")),
            ("A prompt that answers mail", ("meta-prompt", "meta:agent-prompt")),
            ("Refactor the parser", ("code", "direct:code")),
            ("An A2UI booking form", ("a2ui", "direct:a2ui")),
            ("Short stories for children", ("content", "direct:content")),
        ] {
            assert_eq!(inferred(goal), Some(expected), "{goal}");
        }
        for goal in ["", "Make it nicer", "Our Node.js and Next.js", "Reportedly good", "data.json"]
        {
            assert_eq!(inferred(goal), None, "{goal}");
        }
    }

    #[test]
    fn the_goals_come_before_the_inputs() {
        let inputs = json!({"source": "docs/notes.md", "depth": 3});
        let inputs = inputs.as_object().unwrap();
        let infer = |goals: &[&str]| {
            let goals: Vec<String> = goals.iter().map(|goal| (*goal).to_owned()).collect();
            infer(&goals, inputs, None, None).unwrap()
        };
        assert_eq!(infer(&["Draw a logo"]).because, "\"logo\" in the goals");
        assert_eq!(infer(&["Make it nicer"]).because, "\"docs/notes.md\" in the inputs");
    }

    #[test]
    fn what_is_given_is_kept_and_limits_what_is_read() {
        let goals = ["A report with a dashboard".to_owned()];
        let infer = |artifact, content| infer(&goals, &Map::new(), artifact, content);
        assert_eq!(infer(Some("ui"), Some("direct:react")), None);
        let types = |found: Inference| (found.artifact_type, found.content_type, found.because);
        assert_eq!(
            types(infer(Some("ui"), None).unwrap()),
            (None, Some("direct:html"), "\"dashboard\" in the goals".into())
        );
        assert_eq!(
            types(infer(Some("code"), None).unwrap()),
            (None, Some("direct:code"), "artifact_type code".into())
        );
        assert_eq!(
            types(infer(None, Some("meta:workflow")).unwrap()),
            (Some("meta-prompt"), None, "content_type meta:workflow".into())
        );
    }

    #[test]
    fn every_word_and_ending_stands_for_a_content_type() {
        let listed = WORDS.iter().chain(&ENDINGS).chain(&PROMPTS_FOR);
        for (word, content_type) in listed {
            assert!(taxonomy::find(content_type).is_some(), "{word}");
        }
    }

    #[test]
    fn the_warning_says_what_was_read_from_what() {
        let found = infer(&["a report".to_owned()], &Map::new(), None, None).unwrap();
        assert_eq!(
            found.warning(),
            "artifact_type content and content_type direct:content were inferred from \"report\" in the goals; if that is wrong, call init_state with another name and pass them"
        );
    }
}
