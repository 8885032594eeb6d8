//! Domain adapters and templates: guidance for each artifact type by phase, and files to start
//! from.

/// The adapter of an artifact type.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    /// The kind.
    pub artifact_type: &'static str,
    /// The adapter, with a section for each phase.
    pub text: &'static str,
}

/// A file to start from.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its file's name.
    pub file: &'static str,
    /// The kind of artifact that it is for.
    pub artifact_type: &'static str,
    /// Its text, with placeholders `[[LIKE_THIS]]`.
    pub text: &'static str,
}

macro_rules! domain {
    ($artifact_type:literal) => {
        Domain {
            artifact_type: $artifact_type,
            text: include_str!(concat!("../../../prompts/domains/", $artifact_type, ".md")),
        }
    };
}

macro_rules! template {
    ($file:literal, $artifact_type:literal) => {
        Template {
            file: $file,
            artifact_type: $artifact_type,
            text: include_str!(concat!("../../../prompts/templates/", $file)),
        }
    };
}

/// All adapters: `prompts/domains/<artifact type>.md`.
pub const DOMAINS: [Domain; 7] = [
    domain!("logo"),
    domain!("ui"),
    domain!("a2ui"),
    domain!("image"),
    domain!("content"),
    domain!("code"),
    domain!("meta-prompt"),
];

/// All templates: `prompts/templates/`.
pub const TEMPLATES: [Template; 4] = [
    template!("a2ui-preview.html", "a2ui"),
    template!("content-report.html", "content"),
    template!("logo-showcase.html", "logo"),
    template!("ui-component.tsx", "ui"),
];

/// Returns the adapter of a kind of artifact.
pub fn find(artifact_type: &str) -> Option<&'static Domain> {
    DOMAINS.iter().find(|domain| domain.artifact_type == artifact_type)
}

/// Returns the template for a kind of artifact.
pub fn template_for(artifact_type: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.artifact_type == artifact_type)
}

/// Returns a template by its file's name.
pub fn template(file: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.file == file)
}

impl Domain {
    /// Returns the guidance for a phase: the section of that name, without its heading.
    pub fn section(&self, phase: &str) -> Option<&'static str> {
        let sections = self.text.split("\n## ").skip(1);
        let mut named = sections.filter_map(|section| section.split_once('\n'));
        named.find(|(name, _)| name.trim() == phase).map(|(_, text)| text.trim())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::model::document::constraint::parse_definitions;
    use crate::model::document::taxonomy::ARTIFACT_TYPES;
    use crate::model::schema;

    /// The limit of a section, which keeps prompts short.
    const SECTION_BYTES_MAX: usize = 1700;

    const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];

    fn files(folder: &str) -> BTreeSet<String> {
        let folder = format!("{}/prompts/{folder}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_file_of_both_folders_is_listed_and_every_artifact_type_has_an_adapter() {
        let domains = DOMAINS.iter().map(|domain| format!("{}.md", domain.artifact_type));
        assert_eq!(files("domains"), domains.collect());
        let templates = TEMPLATES.iter().map(|template| template.file.to_owned());
        assert_eq!(files("templates"), templates.collect());
        assert_eq!(DOMAINS.map(|domain| domain.artifact_type), ARTIFACT_TYPES);
        assert_eq!(template("logo-showcase.html").map(|one| one.artifact_type), Some("logo"));
    }

    #[test]
    fn every_adapter_has_a_short_section_for_each_phase_and_no_other() {
        for domain in DOMAINS {
            let names: Vec<_> = domain
                .text
                .split("\n## ")
                .skip(1)
                .filter_map(|section| section.lines().next())
                .collect();
            assert_eq!(names, PHASES, "{}", domain.artifact_type);
            for phase in PHASES {
                let section = domain.section(phase).unwrap();
                println!("{} {phase}: {} bytes", domain.artifact_type, section.len());
                assert!(
                    (100..=SECTION_BYTES_MAX).contains(&section.len()),
                    "{} {phase}: {} bytes",
                    domain.artifact_type,
                    section.len()
                );
            }
        }
    }

    #[test]
    fn every_constraint_that_an_adapter_shows_is_one_that_can_be_handed_in() {
        for domain in DOMAINS {
            let lines = domain.text.lines().filter(|line| line.starts_with("{\"id\""));
            let shown: Vec<Value> =
                lines.map(|line| serde_json::from_str(line).expect(line)).collect();
            assert!(shown.len() >= 3, "{} shows {} constraints", domain.artifact_type, shown.len());
            let violations = schema::CONSTRAINTS.violations(&Value::Array(shown.clone()));
            assert!(violations.is_empty(), "{}: {violations:?}", domain.artifact_type);
            assert!(parse_definitions(&shown, "").is_ok(), "{}", domain.artifact_type);
        }
    }

    #[test]
    fn every_template_is_self_contained_and_its_placeholders_are_named() {
        for template in TEMPLATES {
            let (file, text) = (template.file, template.text);
            assert!(ARTIFACT_TYPES.contains(&template.artifact_type), "{file}");
            for reach in ["src=\"http", "href=\"http", "@import", "url(http"] {
                assert!(!text.contains(reach), "{file} reaches out: {reach}");
            }
            let named = text.split("[[").skip(1).filter_map(|rest| rest.split_once("]]"));
            let named: BTreeSet<_> = named.map(|(name, _)| name).collect();
            let well = |name: &&str| !name.contains(|c: char| c.is_ascii_lowercase() || c == ' ');
            assert!(named.len() >= 3 && named.iter().all(well), "{file}: {named:?}");
        }
    }
}
