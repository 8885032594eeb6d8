//! The digests of an output.

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// The digests by which this program and others know a content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// The digest of the journal.
    pub blake3: Digest,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Digests {
    /// Returns the digests of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { blake3: Digest::of(bytes), sha256: sha256(bytes) }
    }

    /// Returns the digests of bytes that come in parts, up to an empty part.
    pub fn of_parts<E>(mut next: impl FnMut() -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let mut context = Context::new(&SHA256);
        let blake3 = Digest::of_parts(|| {
            let part = next()?;
            context.update(&part);
            Ok(part)
        })?;
        Ok(Self { blake3, sha256: hex(context.finish().as_ref()) })
    }
}

/// Returns the SHA-256 of some bytes in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
