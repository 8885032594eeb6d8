//! A file exists.

use super::{Built, Found, MeasureFile, Method, PATH, Params, Stop, Work, each_file};

pub(super) static METHOD: Method = Method {
    name: "file_exists",
    description: "the file is there; of a glob, at least one",
    params: &[PATH],
    metrics: &["bytes"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, FileExists)
}

#[derive(Debug)]
struct FileExists;

impl MeasureFile for FileExists {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        work.look_at(path)?;
        let bytes = work.size(path).unwrap_or_default();
        Ok(Found::satisfied(format!("is there, {bytes} bytes")).with_bytes("bytes", bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, table};

    #[test]
    fn a_file_is_there_or_not() {
        let dist = Dist::of(&[("a.md", "x"), ("b/c.md", "")]);
        table(
            &dist,
            "file_exists",
            &[
                (json!({"path": "a.md"}), "+ is there, 1 bytes"),
                (json!({"path": "b/c.md"}), "+ is there, 0 bytes"),
                (json!({"path": "b"}), "- there is no file b in dist/"),
                (json!({"path": "*.svg"}), "- there is no file *.svg in dist/"),
                (
                    json!({"path": "**/*.md"}),
                    "+ 2 files: a.md: is there, 1 bytes; b/c.md: is there, 0 bytes",
                ),
            ],
        );
    }
}
