//! Resources: the texts that come with the program, for hosts that read them instead of asking for
//! prompts (CONTRACT.md, *Resources*).

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents};

use crate::model::{domain, schema};

/// A text that comes with the program.
struct Text {
    uri: String,
    name: &'static str,
    mime_type: &'static str,
    text: &'static str,
}

/// All of them, in the order in which hosts list them.
fn texts() -> impl Iterator<Item = Text> {
    let domains = domain::DOMAINS.iter().map(|one| Text {
        uri: format!("refiner://domains/{}", one.artifact_type),
        name: one.artifact_type,
        mime_type: "text/markdown",
        text: one.text,
    });
    let templates = domain::TEMPLATES.iter().map(|one| Text {
        uri: format!("refiner://templates/{}", one.file),
        name: one.file,
        mime_type: if one.file.ends_with(".html") { "text/html" } else { "text/plain" },
        text: one.text,
    });
    let schemas = schema::ALL.into_iter().map(|one| Text {
        uri: format!("refiner://schemas/{}", one.file),
        name: one.file,
        mime_type: "application/schema+json",
        text: one.text,
    });
    domains.chain(templates).chain(schemas)
}

/// Returns what a host lists.
pub(super) fn all() -> Vec<Resource> {
    let listed = |one: Text| {
        Resource::new(one.uri, one.name)
            .with_mime_type(one.mime_type)
            .with_size(one.text.len() as u64)
    };
    texts().map(listed).collect()
}

/// Returns a resource by its URI.
pub(super) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let found = texts().find(|one| one.uri == uri).ok_or_else(|| {
        let uri: String = uri.chars().take(200).collect();
        ErrorData::resource_not_found(format!("there is no resource {uri:?}"), None)
    })?;
    Ok(ReadResourceResult::new(vec![ResourceContents::TextResourceContents {
        uri: found.uri,
        mime_type: Some(found.mime_type.to_owned()),
        text: found.text.to_owned(),
        meta: None,
    }]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_resource_that_is_listed_can_be_read_and_has_the_length_that_it_says() {
        let listed = all();
        let uris: BTreeSet<&str> = listed.iter().map(|one| one.uri.as_str()).collect();
        assert_eq!(uris.len(), listed.len());
        for one in &listed {
            let read = read(&one.uri).unwrap();
            let [ResourceContents::TextResourceContents { text, .. }] = &read.contents[..] else {
                panic!("{} is no text", one.uri);
            };
            assert_eq!(one.size, Some(text.len() as u64), "{}", one.uri);
        }
        assert!(uris.contains("refiner://domains/logo"));
        assert!(uris.contains("refiner://schemas/artifact-manifest.schema.json"));
        assert!(read("refiner://schemas/../Cargo.toml").is_err());
    }
}
