//! The artifact manifest: which files are the result of a loop (the seed "Phase 5: Persist",
//! steps 1 and 5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::output::{DIST, OutputPath};
use crate::model::document::output_place::OutputPlace;
use crate::model::refusal::Violation;
use crate::model::{Digest, Time, limits, schema};

/// Variants of a manifest.
const VARIANTS_MAX: usize = 200;
/// Characters that the name of a format may have.
const FORMAT_CHARACTERS_MAX: usize = 40;
/// The fields of a manifest that only the server writes, and those of its file on the disk.
const SERVERS: [&str; 7] =
    ["$schema", "artifact_name", "digest", "files", "generation_timestamp", "inventory", "seal"];

/// Which files are the result.
///
/// The first fields come from the caller; `files` and `generation_timestamp` are the server's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The results, each a file or several.
    pub variants: Vec<Variant>,
    /// Dimensions or sizes by file or format.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub sizes: Map<String, Value>,
    /// Files below `previews/` that show the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<OutputPath>,
    /// How previews or tests were made, in the caller's form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preview_runs: Vec<Value>,
    /// Facts about prompts: platform, token count, variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// When the server recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_timestamp: Option<Time>,
    /// Its files as the server found them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<OutputPath, Recorded>,
    /// All files of a work that lies where the project keeps it, whether named or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
}

/// All files of the work at the time of recording, as one digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// How many there are.
    pub files: u64,
    /// Their lengths together.
    pub bytes: u64,
    /// The digest of the list of the files, each with its length and the digest of its content.
    pub digest: Digest,
    /// Whether the journal keeps the list, and the contents of files that are not too large.
    pub kept: bool,
}

/// The list behind an inventory: each file as recorded.
pub type Listing = BTreeMap<OutputPath, Recorded>;

impl Inventory {
    /// Returns the inventory of these files, and the list as the journal keeps it.
    pub fn of(listing: &Listing) -> (Self, Vec<u8>) {
        let list = json!(listing).to_string().into_bytes();
        let files = listing.len() as u64;
        let bytes = listing.values().map(|file| file.bytes).sum();
        let kept = files <= limits::INVENTORY_FILES_KEPT_MAX as u64
            && bytes <= limits::INVENTORY_BYTES_KEPT_MAX;
        (Self { files, bytes, digest: Digest::of(&list), kept }, list)
    }

    /// Reads a list back. `None` when it is none.
    pub fn listing(list: &[u8]) -> Option<Listing> {
        serde_json::from_slice(list).ok()
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name, unique in the manifest.
    pub name: String,
    /// Its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<OutputPath>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutputPath>,
    /// Its format, such as `svg`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A file of a manifest at the time of recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its length.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: Digest,
}

impl Manifest {
    /// Parses a caller's manifest, or returns the violations. It ignores the server's own fields,
    /// so a caller can pass a manifest that it has read. In `dist/`, paths may begin with `dist/`.
    pub fn parse(
        given: &Value,
        pointer: &str,
        place: &OutputPlace,
    ) -> Result<Self, Vec<Violation>> {
        let mut given = given.clone();
        if place.is_dist() {
            drop_dist(&mut given);
        }
        if let Some(fields) = given.as_object_mut() {
            fields.retain(|field, _| !SERVERS.contains(&field.as_str()));
        }
        let mut violations = schema::ARTIFACT_MANIFEST.violations(&given);
        if !violations.is_empty() {
            violations.iter_mut().for_each(|one| one.pointer.insert_str(0, pointer));
            return Err(violations);
        }
        let manifest: Self = serde_json::from_value(given)
            .map_err(|error| vec![violation(pointer.to_owned(), error.to_string())])?;
        let violations = manifest.violations(pointer);
        if violations.is_empty() { Ok(manifest) } else { Err(violations) }
    }

    /// Checks the rules that the schema cannot express.
    fn violations(&self, pointer: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (index, variant) in self.variants.iter().enumerate() {
            let place = format!("{pointer}/variants/{index}/name");
            if variant.name.trim().is_empty() {
                violations.push(violation(place, "it is empty"));
            } else if self.variants[..index].iter().any(|other| other.name == variant.name) {
                violations.push(violation(place, "the name is used twice"));
            }
        }
        violations
    }

    /// Makes a manifest of files without a description.
    pub fn of_files(artifact_type: Option<&str>, files: impl Iterator<Item = OutputPath>) -> Self {
        let variant = |file: OutputPath| Variant {
            name: file.to_string(),
            format: format(&file),
            file: Some(file),
            files: Vec::new(),
            description: None,
        };
        Self {
            artifact_type: artifact_type.map(str::to_owned),
            variants: files.map(variant).take(VARIANTS_MAX).collect(),
            ..Self::default()
        }
    }

    /// Returns every file that it names, each once.
    pub fn paths(&self) -> impl Iterator<Item = &OutputPath> {
        let named = self.variants.iter().flat_map(|one| one.file.iter().chain(&one.files));
        let mut seen = std::collections::BTreeSet::new();
        named.chain(&self.previews).filter(move |path| seen.insert(*path))
    }

    /// Returns the manifest as the file `artifact_manifest.json` says it.
    pub fn to_value(&self) -> Value {
        json!(self)
    }
}

/// Returns a caller's manifest with what it can mean only one way in its right form: a variant that
/// is only a path, one with `path` in place of `file`, and one without a name.
pub fn mended(mut manifest: Value) -> Value {
    if manifest.is_array() {
        manifest = json!({ "variants": manifest });
    }
    let variants = manifest.get_mut("variants").and_then(Value::as_array_mut);
    for variant in variants.into_iter().flatten() {
        if let Value::String(path) = variant {
            *variant = json!({ "file": path });
        }
        let Some(fields) = variant.as_object_mut() else { continue };
        let path = fields.get("path").filter(|_| !fields.contains_key("file")).cloned();
        if let Some(path) = path {
            fields.remove("path");
            fields.insert("file".to_owned(), path);
        }
        let file = fields.get("file").filter(|_| !fields.contains_key("name")).cloned();
        fields.extend(file.map(|file| ("name".to_owned(), file)));
    }
    manifest
}

/// Takes the leading `dist/` from each path of a caller's manifest.
fn drop_dist(given: &mut Value) {
    let variants = given.get_mut("variants").and_then(Value::as_array_mut);
    for variant in variants.into_iter().flatten() {
        variant.get_mut("file").into_iter().for_each(drop_from_path);
        drop_from_paths(variant.get_mut("files"));
    }
    drop_from_paths(given.get_mut("previews"));
}

fn drop_from_paths(list: Option<&mut Value>) {
    let list = list.and_then(Value::as_array_mut);
    list.into_iter().flatten().for_each(drop_from_path);
}

fn drop_from_path(path: &mut Value) {
    if let Value::String(path) = path
        && let Some(below) = path.strip_prefix(DIST)
    {
        *path = below.to_owned();
    }
}

/// Returns how a file's name ends.
fn format(file: &OutputPath) -> Option<String> {
    let (_, ending) = file.as_str().rsplit_once('.')?;
    let is_format = !ending.contains('/') && ending.chars().count() <= FORMAT_CHARACTERS_MAX;
    is_format.then(|| ending.to_owned())
}

fn violation(pointer: String, message: impl Into<String>) -> Violation {
    Violation { pointer, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_is_wrong_with_it_and_where() {
        let good = json!({
            "artifact_type": "logo",
            "variants": [
                { "name": "mark", "file": "dist/mark.svg", "format": "svg" },
                { "name": "icons", "files": ["a.png", "b.png"] },
            ],
            "previews": ["previews/mark.png"],
            "generation_timestamp": "2026-01-01T00:00:00Z",
        });
        let manifest = Manifest::parse(&good, "/m", &OutputPlace::default()).unwrap();
        let paths: Vec<&str> = manifest.paths().map(OutputPath::as_str).collect();
        assert_eq!(paths, ["mark.svg", "a.png", "b.png", "previews/mark.png"]);
        for (bad, pointer) in [
            (json!([]), "/m"),
            (json!({}), "/m"),
            (json!({ "variants": [{ "name": "a", "file": "../x" }] }), "/m/variants/0/file"),
            (json!({ "variants": [{ "name": "a", "file": "x." }] }), "/m"),
            (json!({ "variants": [{ "name": "a" }] }), "/m/variants/0"),
            (
                json!({ "variants": [{ "name": "a", "file": "x", "files": ["y"] }] }),
                "/m/variants/0/files",
            ),
            (
                json!({ "variants": [{ "name": "a", "file": "x" }, { "name": "a", "file": "y" }] }),
                "/m/variants/1/name",
            ),
            (json!({ "variants": [{ "name": " ", "file": "x" }] }), "/m/variants/0/name"),
            (json!({ "variants": [], "colour": "red" }), "/m"),
            (json!({ "variants": [], "artifact_type": "poem" }), "/m/artifact_type"),
        ] {
            let violations = Manifest::parse(&bad, "/m", &OutputPlace::default()).unwrap_err();
            assert_eq!(violations[0].pointer, pointer, "{bad}: {violations:?}");
        }
    }

    #[test]
    fn a_manifest_of_files_is_as_its_schema_asks_whatever_they_are_called() {
        let names =
            ["a.md", "v1.0/readme", ".well", &"n".repeat(240), &format!("a.{}", "e".repeat(60))];
        let files = names.map(|name| OutputPath::new(name).unwrap());
        let manifest = Manifest::of_files(Some("content"), files.into_iter());
        assert_eq!(schema::ARTIFACT_MANIFEST.violations(&manifest.to_value()), []);
        assert_eq!(manifest.variants[0].format.as_deref(), Some("md"));
        assert_eq!(manifest.variants[1].format, None);
    }

    #[test]
    fn what_was_read_from_the_disk_can_be_handed_in_again() {
        let read = json!({
            "variants": [{ "name": "a", "file": "x.md" }],
            "files": {"x.md": {"bytes": 1, "digest": "d"}},
            "digest": "d", "seal": "s", "generation_timestamp": "2026-01-01T00:00:00Z",
        });
        assert!(Manifest::parse(&read, "/m", &OutputPlace::default()).is_ok());
    }

    #[test]
    fn only_paths_in_dist_lose_a_leading_dist() {
        let given = json!({
            "variants": [{ "name": "a", "file": "dist/a" }, { "name": "b", "files": ["dist/b"] }],
            "previews": ["dist/c"],
        });
        let paths = |place: &OutputPlace| -> Vec<String> {
            let manifest = Manifest::parse(&given, "/m", place).unwrap();
            manifest.paths().map(OutputPath::to_string).collect()
        };
        assert_eq!(paths(&OutputPlace::default()), ["a", "b", "c"]);
        let project = OutputPlace::parse(Some("."), &[]).unwrap();
        assert_eq!(paths(&project), ["dist/a", "dist/b", "dist/c"]);
    }

    #[test]
    fn an_inventory_is_the_digest_of_its_list() {
        let file = |path: &str, bytes: u64| {
            (OutputPath::new(path).unwrap(), Recorded { bytes, digest: Digest::ZERO })
        };
        let files = Listing::from([file("a", 1), file("dist/b", 2)]);
        let (inventory, list) = Inventory::of(&files);
        assert_eq!((inventory.files, inventory.bytes, inventory.kept), (2, 3, true));
        assert_eq!(inventory.digest, Digest::of(&list));
        assert_eq!(Inventory::listing(&list), Some(files));
        assert_eq!(Inventory::listing(b"[]"), None);
        let large = Listing::from([file("a", limits::INVENTORY_BYTES_KEPT_MAX + 1)]);
        assert!(!Inventory::of(&large).0.kept);
        let paths = (0..=limits::INVENTORY_FILES_KEPT_MAX).map(|i| file(&i.to_string(), 1));
        assert!(!Inventory::of(&paths.collect()).0.kept);
    }
}
