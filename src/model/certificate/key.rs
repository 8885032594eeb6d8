//! Keys: Ed25519, in PEM as other programs read and write it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

use super::digests::sha256;
use crate::model::Refusal;

/// What comes before the 32 bytes of a public key in its SubjectPublicKeyInfo (RFC 8410).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// What comes before the 32 bytes of a secret key in PKCS #8 (RFC 8410).
const SECRET_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// Returns 32 secret bytes as a secret key in PEM.
pub fn secret_pem(seed: &[u8; 32]) -> String {
    pem("PRIVATE KEY", &[&SECRET_PREFIX[..], seed].concat())
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

/// A key that signs certificates.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a secret key in PEM, such as `openssl genpkey -algorithm ed25519` makes.
    ///
    /// # Errors
    ///
    /// If it is not a secret Ed25519 key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Refusal> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok();
        let pair = key.and_then(|key| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()).ok()
        });
        pair.map(Self).ok_or_else(|| {
            Refusal::argument(
                "the key is not a secret Ed25519 key in PEM",
                "make one with: openssl genpkey -algorithm ed25519 -out FILE; or omit --key to use your own",
            )
        })
    }

    /// Returns the key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref();
        PublicKey(bytes.try_into().expect("an Ed25519 key has 32 bytes"))
    }

    /// Signs a message.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// A key that verifies certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads a public key in PEM.
    ///
    /// # Errors
    ///
    /// If it is not a public Ed25519 key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Refusal> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok();
        let bytes = key.and_then(|key| {
            let der: &[u8] = key.as_ref();
            let bytes = der.strip_prefix(&PUBLIC_PREFIX)?;
            <[u8; 32]>::try_from(bytes).ok()
        });
        bytes.map(Self).ok_or_else(|| {
            Refusal::argument(
                "the key is not a public Ed25519 key in PEM",
                "the signer prints theirs with: refiner certificate --public-key",
            )
        })
    }

    /// Returns it in PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// Returns its fingerprint: the SHA-256 of its SubjectPublicKeyInfo in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        sha256(&self.der())
    }

    /// Returns whether its secret key signed a message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }

    fn der(&self) -> Vec<u8> {
        [&PUBLIC_PREFIX[..], &self.0].concat()
    }
}
