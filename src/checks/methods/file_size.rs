//! The size of a file is within bounds.

use super::{
    Bounds, Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file,
};

pub(super) static METHOD: Method = Method {
    name: "file_size",
    description: "the file has at least `min` and at most `max` bytes",
    params: &[
        PATH,
        Param::optional("min", Kind::Whole, "the least size in bytes"),
        Param::optional("max", Kind::Whole, "the greatest size in bytes"),
    ],
    metrics: &["bytes"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, FileSize { bounds: params.needed_bounds()? })
}

#[derive(Debug)]
struct FileSize {
    bounds: Bounds,
}

impl MeasureFile for FileSize {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        work.look_at(path)?;
        let bytes = work.size(path).unwrap_or_default();
        let found = match self.bounds.broken_by(bytes) {
            Some(bound) => Found::violated(format!("{bytes} bytes, {bound}")),
            None => Found::satisfied(format!("{bytes} bytes")),
        };
        Ok(found.with_bytes("bytes", bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, refused, table};

    #[test]
    fn bounds_are_inclusive() {
        let dist = Dist::of(&[("a", "ü1"), ("b", "")]);
        table(
            &dist,
            "file_size",
            &[
                (json!({"path": "a", "min": 3, "max": 3}), "+ 3 bytes"),
                (json!({"path": "a", "max": 2}), "- 3 bytes, 2 at most"),
                (json!({"path": "a", "min": 4}), "- 3 bytes, 4 at least"),
                (json!({"path": "b", "min": 1}), "- 0 bytes, 1 at least"),
            ],
        );
    }

    #[test]
    fn a_file_too_large_to_be_read_has_a_size_all_the_same() {
        let dist = Dist::default().with_length("film.mp4", 20 << 20);
        table(&dist, "file_size", &[(json!({"path": "film.mp4", "min": 1}), "+ 20971520 bytes")]);
    }

    #[test]
    fn some_bound_is_needed() {
        assert_eq!(refused("file_size", &json!({"path": "a"})), ["max"]);
        assert_eq!(refused("file_size", &json!({"path": "a", "min": 2, "max": 1})), ["max"]);
        assert_eq!(refused("file_size", &json!({"path": "a", "min": -1})), ["min"]);
    }
}
