//! A file has content.

use super::{Built, Found, MeasureFile, Method, PATH, Params, Stop, Work, each_file};
use crate::checks::text::shows_nothing;
use crate::model::limits;

pub(super) static METHOD: Method = Method {
    name: "not_empty",
    description: "the file has content other than white space, invisible characters and comments",
    params: &[PATH],
    metrics: &["bytes"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, NotEmpty)
}

#[derive(Debug)]
struct NotEmpty;

impl MeasureFile for NotEmpty {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        content(path, work)
    }
}

/// Measures whether a file has content. A file that is too large to read has.
pub(super) fn content(path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
    let bytes = work.size(path).unwrap_or_default();
    let blank = if bytes > limits::CHECKED_FILE_BYTES_MAX {
        work.look_at(path)?;
        false
    } else {
        shows_nothing(path, &work.bytes(path, limits::CHECKED_FILE_BYTES_MAX)?)
    };
    let found = match (bytes, blank) {
        (0, _) => Found::violated("is empty"),
        (_, true) => Found::violated("shows nothing"),
        (_, false) => Found::satisfied(format!("has {bytes} bytes")),
    };
    Ok(found.with_bytes("bytes", bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, table};

    #[test]
    fn what_no_reader_sees_is_no_content() {
        let dist = Dist::of(&[("a", "x"), ("b", ""), ("c", "\u{feff} \r\n\u{a0}"), ("d", "\u{0}")]);
        table(
            &dist,
            "not_empty",
            &[
                (json!({"path": "a"}), "+ has 1 bytes"),
                (json!({"path": "b"}), "- is empty"),
                (json!({"path": "c"}), "- shows nothing"),
                (json!({"path": "d"}), "- shows nothing"),
                (json!({"path": "?"}), "- b: is empty; c: shows nothing; d: shows nothing"),
            ],
        );
    }
}
