//! The texts that come with the program, for hosts that read them instead of asking for prompts.

use crate::model::{domain, schema};

/// A text that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The last part of its URI.
    pub(super) name: &'static str,
    pub(super) mime_type: &'static str,
    pub(super) text: &'static str,
}

/// Texts of one kind: `refiner://<path>/{<variable>}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf {
    pub(super) path: &'static str,
    pub(super) variable: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    texts: fn() -> Vec<Text>,
}

/// All kinds, in the order in which hosts list them. A new one is a line here.
pub(super) const SHELVES: [Shelf; 3] = [
    Shelf {
        path: "domains",
        variable: "artifact_type",
        title: "Domain adapter",
        about: "What there is to know of a kind of artifact, by phase",
        texts: domains,
    },
    Shelf {
        path: "templates",
        variable: "file",
        title: "Template",
        about: "A file to start from",
        texts: templates,
    },
    Shelf {
        path: "schemas",
        variable: "file",
        title: "JSON Schema",
        about: "The form of a document, of a part of it, or of a phase's result",
        texts: schemas,
    },
];

impl Shelf {
    /// Returns its texts, in the order in which hosts list them.
    pub(super) fn texts(&self) -> Vec<Text> {
        (self.texts)()
    }

    pub(super) fn uri(&self, text: &Text) -> String {
        format!("refiner://{}/{}", self.path, text.name)
    }

    pub(super) fn template(&self) -> String {
        format!("refiner://{}/{{{}}}", self.path, self.variable)
    }
}

/// Returns the text that a URI names, without its scheme.
pub(super) fn find(below: &str) -> Option<Text> {
    let (path, name) = below.split_once('/')?;
    let shelf = SHELVES.iter().find(|shelf| shelf.path == path)?;
    shelf.texts().into_iter().find(|text| text.name == name)
}

fn domains() -> Vec<Text> {
    let all = domain::DOMAINS.iter();
    let text = |one: &domain::Domain| Text {
        name: one.artifact_type,
        mime_type: "text/markdown",
        text: one.text,
    };
    all.map(text).collect()
}

fn templates() -> Vec<Text> {
    let all = domain::TEMPLATES.iter();
    let text = |one: &domain::Template| Text {
        name: one.file,
        mime_type: super::mime::of_file(one.file).unwrap_or("text/plain"),
        text: one.text,
    };
    all.map(text).collect()
}

fn schemas() -> Vec<Text> {
    let text = |one: &schema::Schema| Text {
        name: one.file,
        mime_type: "application/schema+json",
        text: one.text,
    };
    schema::ALL.into_iter().map(text).collect()
}
