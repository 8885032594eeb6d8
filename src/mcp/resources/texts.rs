//! The built-in texts, for hosts that read resources instead of prompts.

use crate::model::document::domain;
use crate::model::schema;

/// A built-in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// The last segment of the URI.
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

/// All kinds, in list order. To add one, add a line here.
pub(super) const SHELVES: [Shelf; 3] = [
    Shelf {
        path: "domains",
        variable: "artifact_type",
        title: "Domain adapter",
        about: "Guidance for a type of artifact, by phase",
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
        about: "The schema of a document, of a part of it, or of a phase's result",
        texts: schemas,
    },
];

impl Shelf {
    /// Returns the texts of this kind, in list order.
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

/// Returns the text that a URI (without its scheme) names.
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
