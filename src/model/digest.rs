//! Content digests.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A BLAKE3 digest of 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that stands where there is nothing yet, such as before the first entry.
    pub const ZERO: Self = Self([0; 32]);

    /// Returns the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the digest of bytes that come in parts, up to an empty part.
    pub fn of_parts<E>(mut next: impl FnMut() -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let mut hasher = blake3::Hasher::new();
        loop {
            let part = next()?;
            if part.is_empty() {
                return Ok(Self(*hasher.finalize().as_bytes()));
            }
            hasher.update(&part);
        }
    }

    /// Returns the digest of a JSON value in its canonical form: no white space, keys in order.
    ///
    /// Keys are in order because serde_json's map is a sorted one unless its feature
    /// `preserve_order` is on; a test below fails if a dependency turns that on.
    pub fn of_json(value: &Value) -> Self {
        let mut hasher = blake3::Hasher::new();
        serde_json::to_writer(&mut hasher, value).expect("a JSON value can be written to a hasher");
        Self(*hasher.finalize().as_bytes())
    }

    /// Returns the digest of a secret, which no other use of the same bytes has.
    pub fn keyed(context: &str, secret: &[u8]) -> Self {
        Self(blake3::derive_key(context, secret))
    }

    /// Returns whether two digests of secrets are the same, in the same time wherever they differ.
    pub fn is_same_secret(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(other.0)
    }

    /// Returns the digest of the bytes of other digests.
    pub fn of_digests(digests: impl IntoIterator<Item = Self>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for one in digests {
            hasher.update(&one.0);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Returns the digest as 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// Parses 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.to_hex()[..8])
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;
    fn try_from(hex: String) -> Result<Self, Self::Error> {
        Self::parse(&hex).ok_or("a digest is 64 hexadecimal digits")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_hex()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_digest_of_a_value_does_not_depend_on_the_order_of_its_keys() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"x":1,"y":2}}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":{"y":2,"x":1},"a":1}"#).unwrap();
        assert_eq!(one.to_string(), two.to_string(), "serde_json keeps keys sorted");
        assert_eq!(Digest::of_json(&one), Digest::of_json(&two));
        assert_ne!(Digest::of_json(&one), Digest::of_json(&json!({"a":1})));
    }

    #[test]
    fn a_digest_survives_its_hexadecimal_form() {
        let digest = Digest::of(b"refiner");
        assert_eq!(Digest::parse(&digest.to_hex()), Some(digest));
        assert_eq!(Digest::parse("xyz"), None);
    }

    #[test]
    fn a_number_with_a_fraction_is_the_same_after_being_written_and_read() {
        // Without serde_json's `float_roundtrip` this one comes back different by one bit.
        let value = json!(1.453_352_386_014_614_4e-12);
        let read: Value = serde_json::from_str(&value.to_string()).unwrap();
        assert_eq!(value, read);
    }
}
