//! What the tests of checks share.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::{Check, Context, FileInfo, Files, Measurement, Outcome};

/// Files in memory.
#[derive(Debug, Default)]
pub(crate) struct Dist {
    files: BTreeMap<String, Vec<u8>>,
    lengths: BTreeMap<String, u64>,
}

impl Dist {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut dist = Self::default();
        for (path, content) in files {
            dist.put(path, content.as_bytes());
        }
        dist
    }

    pub(super) fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.to_vec());
    }

    /// Adds a file that is only a length, and must not be read.
    pub(super) fn with_length(mut self, path: &str, bytes: u64) -> Self {
        self.lengths.insert(path.to_owned(), bytes);
        self
    }
}

impl Files for Dist {
    fn list(&self) -> io::Result<Vec<FileInfo>> {
        let files = self.files.iter().map(|(path, content)| (path, content.len() as u64));
        let lengths = self.lengths.iter().map(|(path, bytes)| (path, *bytes));
        Ok(files
            .chain(lengths)
            .map(|(path, bytes)| FileInfo { path: path.clone(), bytes })
            .collect())
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        assert!(!self.lengths.contains_key(path), "{path} is too large to be read");
        Ok(self.files.get(path).cloned())
    }
}

/// Parses a check, or returns what is wrong.
pub(super) fn parsed(
    method: &str,
    params: &Value,
    target: Option<&Value>,
) -> Result<Check, Vec<crate::model::refusal::Violation>> {
    let validation = json!({"method": method, "params": params});
    let target = target.map(|target| target.as_object().unwrap());
    Check::parse(validation.as_object().unwrap(), target, "/constraints/0")
}

pub(crate) fn check(
    method: &str,
    params: &Value,
    target: Option<&Value>,
    dist: &Dist,
) -> Measurement {
    parsed(method, params, target).unwrap().run(dist, &Context::default())
}

/// Runs a check, and returns what it says after a sign: `+` satisfied, `-` violated, `?` neither.
pub(super) fn run_with(method: &str, params: &Value, dist: &Dist, context: &Context<'_>) -> String {
    let finding = parsed(method, params, None).unwrap().run(dist, context);
    let sign = match finding.outcome {
        Outcome::Satisfied => '+',
        Outcome::Violated => '-',
        Outcome::Unmeasured => '?',
    };
    format!("{sign} {}", finding.details)
}

/// Compares what a method says with what it should, for each of some params.
pub(super) fn table(dist: &Dist, method: &str, rows: &[(Value, &str)]) {
    for (params, says) in rows {
        assert_eq!(run_with(method, params, dist, &Context::default()), *says, "{params}");
    }
}

/// Runs a check on a single file `f`.
#[expect(clippy::needless_pass_by_value, reason = "tests write the params in place")]
pub(super) fn check_one(method: &str, params: Value, content: &[u8]) -> String {
    let mut dist = Dist::default();
    dist.put("f", content);
    run_with(method, &params, &dist, &Context::default())
}

/// Returns the params that are refused.
pub(super) fn refused(method: &str, params: &Value) -> Vec<String> {
    let wrong = parsed(method, params, None).expect_err("accepted");
    let place = "/constraints/0/validation/params/";
    wrong.iter().map(|one| one.pointer.strip_prefix(place).unwrap().to_owned()).collect()
}

/// Images of 3 by 2 pixels, as far as their parts go.
pub(super) const PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x08\x02\x00\x00\x00\x12\x16\xf1\x4d\x00\x00\x00\x0f\x49\x44\x41\x54\x78\xda\x63\x60\x84\x01\x06\x26\x18\x00\x00\x00\xf5\x00\x1c\x8d\xd9\x07\x5a\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
pub(super) const GIF: &[u8] = b"GIF89a\x03\0\x02\0\0\0\0,\0\0\0\0\x03\0\x02\0\0\x02\x02\x84Q\0;";
pub(super) const JPEG: &[u8] =
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\0\x02\0\x03\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0\x7f\xff\xd9";
pub(super) const WEBP: &[u8] =
    b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x02\0\0\x01\0\0VP8L\x02\0\0\0\x2f\x02";
pub(super) const IMAGES: [&[u8]; 4] = [PNG, GIF, JPEG, WEBP];

/// The headers of the same, with nothing after them.
pub(super) const HEADERS: [&[u8]; 4] = [
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0",
    b"GIF89a\x03\0\x02\0\0\0\0",
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\0\x02\0\x03\x03\x01\x22\0\x02\x11\x01\x03\x11\x01",
    b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x02\0\0\x01\0\0\0\0",
];
