//! Parses resource URIs.

use percent_encoding::percent_decode_str;

use super::artifacts::{self, ARTIFACTS, Kind};
use super::texts::{self, Text};
use crate::model::text::shortened;
use crate::model::{Name, Refusal};
use crate::service::Part;

/// Limit on the characters of a URI in a refusal.
const REPEATED_CHARACTERS_MAX: usize = 200;

/// The resource that a URI names. The service knows whether it exists.
#[derive(Debug)]
pub(super) enum Target {
    /// The summaries of all artifacts.
    Listing,
    /// A part of an artifact.
    Part(Name, &'static Kind, Part),
    /// The definition of a workflow.
    Workflow(Name),
    /// A text that is built into the program.
    Text(Text),
}

impl Target {
    /// Parses a URI. Fails if no resource has this form.
    pub(super) fn parse(uri: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::NotFound {
            what: format!("resource {}", shortened(uri, REPEATED_CHARACTERS_MAX)),
            hint: "call resources/list and resources/templates/list to see the valid URIs".into(),
        };
        if uri == ARTIFACTS {
            return Ok(Self::Listing);
        }
        let below = uri.strip_prefix("refiner://").ok_or_else(unknown)?;
        if let Some(below) = below.strip_prefix("artifacts/") {
            let (name, part) = below.split_once('/').ok_or_else(unknown)?;
            let part = percent_decode_str(part).decode_utf8().map_err(|_| unknown())?;
            let (kind, part) = artifacts::find(&part).ok_or_else(unknown)??;
            return Ok(Self::Part(Name::parse(name)?, kind, part));
        }
        if let Some(name) = below.strip_prefix("workflows/") {
            return Name::parse(name).map(Self::Workflow);
        }
        texts::find(below).map(Self::Text).ok_or_else(unknown)
    }

    /// Returns the artifact whose versions change the resource.
    pub(super) fn artifact(&self) -> Option<&Name> {
        match self {
            Self::Part(name, ..) => Some(name),
            Self::Listing | Self::Workflow(_) | Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::output::OutputPath;

    fn part(uri: &str) -> Part {
        match Target::parse(uri) {
            Ok(Target::Part(name, _, part)) if name.as_str() == "a.b" => part,
            other => panic!("{uri}: {other:?}"),
        }
    }

    #[test]
    fn each_uri_names_one_thing() {
        assert_eq!(part("refiner://artifacts/a.b/state"), Part::State);
        let output = |path| Part::Output(OutputPath::new(path).unwrap());
        for (uri, path) in [
            ("refiner://artifacts/a.b/outputs/report.md", "report.md"),
            ("refiner://artifacts/a.b/outputs/previews/a%20b.png", "previews/a b.png"),
            ("refiner://artifacts/a.b/outputs/gr%C3%B6%C3%9Fe.svg", "größe.svg"),
            ("refiner://artifacts/a.b/outputs/größe.svg", "größe.svg"),
            ("refiner://artifacts/a.b/outputs/dist/a.txt", "dist/a.txt"),
        ] {
            assert_eq!(part(uri), output(path), "{uri}");
        }
        assert!(matches!(Target::parse("refiner://artifacts"), Ok(Target::Listing)));
        assert!(matches!(Target::parse("refiner://workflows/pmpo"), Ok(Target::Workflow(_))));
        assert!(matches!(Target::parse("refiner://domains/logo"), Ok(Target::Text(_))));
    }

    #[test]
    fn what_names_nothing_is_refused_and_leads_nowhere_else() {
        for uri in [
            "",
            "refiner://",
            "refiner:artifacts",
            "REFINER://artifacts",
            "refiner://artifacts/",
            "refiner://artifacts/a",
            "refiner://artifacts/a/",
            "refiner://artifacts/a/nothing",
            "refiner://artifacts/a/state/",
            "refiner://artifacts/A/state",
            "refiner://artifacts/%61/state",
            "refiner://artifacts/../state",
            "refiner://artifacts/a/outputs",
            "refiner://artifacts/a/outputs/",
            "refiner://artifacts/a/outputs/../state.json",
            "refiner://artifacts/a/outputs/%2e%2e/state.json",
            "refiner://artifacts/a/outputs/%FF",
            "refiner://workflows/../x",
            "refiner://schemas/../Cargo.toml",
            "file:///etc/passwd",
        ] {
            assert!(Target::parse(uri).is_err(), "{uri}");
        }
        let long = Target::parse(&"x".repeat(1 << 20)).unwrap_err();
        assert!(long.to_string().len() < 300);
    }
}
