//! Every file of the manifest exists.

use std::collections::BTreeMap;

use serde_json::Value;

use super::not_empty::content;
use super::{Built, Found, Measure, Method, Params, Reading, Stop, Work, whole};
use crate::checks::finding::listed;
use crate::model::Digest;
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "manifest_complete",
    description: "each file in the manifest exists, is not empty and has the recorded digest",
    params: &[],
    metrics: &["files", "missing"],
    build,
};

fn build(_params: &Params<'_>) -> Built {
    Ok(Box::new(ManifestComplete))
}

#[derive(Debug)]
struct ManifestComplete;

impl Measure for ManifestComplete {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let manifest = work.context.manifest;
        let manifest = manifest.ok_or_else(|| Stop::Violated("there is no manifest yet".into()))?;
        let files = named_files(manifest);
        let mut wrong = Vec::new();
        for (path, digest) in &files {
            wrong.extend(
                fault(path, *digest, work)?.map(|fault| format!("{} {fault}", named(path))),
            );
        }
        let found = match (files.is_empty(), wrong.is_empty()) {
            (true, _) => Found::violated("the manifest names no file"),
            (_, true) => Found::satisfied(format!("all {} files are there", files.len())),
            (_, false) => Found::violated(listed(&wrong, "; ")),
        };
        Ok(whole(found.with("files", files.len()).with("missing", wrong.len())))
    }
}

fn fault(path: &str, recorded: Option<&str>, work: &mut Work<'_>) -> Result<Option<String>, Stop> {
    if work.size(path).is_none() {
        return Ok(Some("is not in dist/".to_owned()));
    }
    let found = content(path, work)?;
    if !found.holds {
        return Ok(Some(found.details));
    }
    let recorded = recorded.map(|text| text.strip_prefix("blake3:").unwrap_or(text));
    let digest = recorded.and_then(Digest::parse);
    Ok(match (recorded, digest) {
        (Some(_), None) => Some("has an invalid digest in the manifest".to_owned()),
        (_, Some(digest)) if work.evidence.get(path) != Some(&digest) => {
            Some("differs from what the manifest recorded".to_owned())
        }
        _ => None,
    })
}

/// Returns the files that a manifest names, with their digests where it records them: those of its
/// variants, its previews and its files, each a path or an object with `file`, `path` or `files`.
fn named_files(manifest: &Value) -> BTreeMap<String, Option<&str>> {
    let lists = ["variants", "previews", "files"].map(|list| manifest.get(list));
    let entries = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    let mut files = BTreeMap::new();
    for entry in entries {
        let digest = entry.get("digest").and_then(Value::as_str);
        let several = entry.get("files").and_then(Value::as_array).into_iter().flatten();
        let one = [Some(entry), entry.get("file"), entry.get("path")].into_iter().flatten();
        for path in one.chain(several).filter_map(Value::as_str) {
            let path = path.strip_prefix("./").unwrap_or(path);
            files.insert(path.to_owned(), digest);
        }
        for inner in entry.get("files").and_then(Value::as_array).into_iter().flatten() {
            let path = inner.get("path").or_else(|| inner.get("file")).and_then(Value::as_str);
            let digest = inner.get("digest").and_then(Value::as_str);
            files.extend(path.map(|path| (path.to_owned(), digest)));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::testing::{Dist, run_with};
    use crate::checks::{Check, Context};

    #[test]
    fn what_the_manifest_names_has_to_be_there() {
        let dist = Dist::of(&[("a.svg", "x"), ("empty.svg", "\r\n"), ("ü/b.png", "y")]);
        let digest = Digest::of(b"x").to_hex();
        for (manifest, says) in [
            (
                json!({"variants": [{"name": "a", "file": "a.svg"}], "previews": ["ü/b.png"]}),
                "+ all 2 files are there",
            ),
            (json!({"variants": [{"name": "a", "files": ["a.svg", "c"]}]}), "- c is not in dist/"),
            (json!({"variants": [{"file": "empty.svg"}]}), "- empty.svg shows nothing"),
            (json!({"files": [{"path": "a.svg", "digest": digest}]}), "+ all 1 files are there"),
            (
                json!({"files": [{"path": "ü/b.png", "digest": digest}]}),
                "- ü/b.png differs from what the manifest recorded",
            ),
            (
                json!({"variants": [{"files": [{"path": "a.svg", "digest": "x"}]}]}),
                "- a.svg has an invalid digest in the manifest",
            ),
            (json!({"variants": [{"file": "../a.svg"}]}), "- ../a.svg is not in dist/"),
            (json!({"variants": []}), "- the manifest names no file"),
            (json!([]), "- the manifest names no file"),
        ] {
            let context = Context { manifest: Some(&manifest), commands: None };
            assert_eq!(run_with("manifest_complete", &json!({}), &dist, &context), says);
        }
        let none = run_with("manifest_complete", &json!({}), &dist, &Context::default());
        assert_eq!(none, "- there is no manifest yet");
    }

    #[test]
    fn it_takes_no_params() {
        let validation = json!({"method": "manifest_complete", "params": {"path": "a"}});
        let wrong = Check::parse(validation.as_object().unwrap(), None, "/c").unwrap_err();
        assert_eq!(wrong[0].pointer, "/c/validation/params/path");
    }
}
