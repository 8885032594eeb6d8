//! The definitions that were ever built in. A journal that brings one of them brings nothing of its
//! own, so its cycle goes on without the user's trust.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::model::Digest;

/// The digest of every workflow that this program and earlier ones have built in, the oldest first.
/// The text of each is `prompts/earlier/<digest>.json`, as a cycle stores it.
const DIGESTS: &[&str] = &[
    "718bb4cd4f513284d52761ccd8a37abb89fd458cff7ec2cc3838758f3242cb3e",
    "996c13b1127e70db4a6c32ac7b7f2c1b4d9b7ac0cb9699cc68b407d293f7bdf7",
    "e1f9bc3b0f555de4e3c6ba5eec5113acb3f2aa9bd00d356a4d05b1754a50d749",
    "43a0de76429045b2bfb25011f119f66925f124f63a7526d24a20abaeabc1e021",
    "547262c1b5da79a9842cce1ff18ac78e991735a25277d6eecea54a71c4b2759a",
    "86f7bddbcd7a2c6d26d2d699525ef751cb273fe4e0cd1632c5a18c8e5311d55a",
    "c357c2cde3f501fabd53d808b1c59102e8024cb9dcf183fdcb29f49b8cfc672d",
    "51b378984adf4490506cadf2a25151a90f43bcc23f3d86b091acb84653f5721a",
    "bbd0f39592c761aa4343a1b5b3df5214284ae68614650731c273bed7c17d5370",
    "58d1faf841169ccd642a0b522a4e8d65244fee5efb76460f3e59b90ccaa971cc",
    "0a7ae61fc282296c303da30fefc868281534e1162708e68b5579c49fad3ca6c4",
    "312e22d0dfbc1c7153ebca034ac3e0e30c5bb032733e4c56a4d6a5fa8d465f49",
    "80be49ffd43476ab9640fe6278aefe0517ac9d6c545337ba4231441b5f4ffc81",
    "55c5e7a177e0ae6e1248e684ad30e735c18b942ba28b8c141bb701d8ffbf4d8e",
];

static EARLIER: LazyLock<BTreeSet<Digest>> = LazyLock::new(|| {
    let parse = |hex: &&str| Digest::parse(hex).expect("a test reads every digest");
    DIGESTS.iter().map(parse).collect()
});

/// Returns whether a workflow is or was built in.
pub(super) fn is_earlier(digest: Digest) -> bool {
    EARLIER.contains(&digest)
}

#[cfg(test)]
mod tests {
    use super::super::COMPILED_BUILT_IN;
    use super::*;
    use crate::model::Workflow;
    use crate::model::workflow::Bundle;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prompts/earlier");

    /// Fails with the first change of a built-in workflow. `UPDATE_EARLIER=1` keeps its text; the
    /// line is added by hand, so that it is seen in review.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the text of a new definition is kept")]
    fn every_built_in_workflow_is_kept_for_later_programs() {
        let mut missing = Vec::new();
        for (name, known) in COMPILED_BUILT_IN.iter() {
            let digest = known.workflow.digest;
            let path = format!("{FOLDER}/{digest}.json");
            if std::env::var_os("UPDATE_EARLIER").is_some() {
                let text = [known.bundle.to_bytes(), b"\n".to_vec()].concat();
                std::fs::write(&path, text).unwrap();
            }
            if !is_earlier(digest) || !std::path::Path::new(&path).exists() {
                missing.push(format!("{name} is {digest}"));
            }
        }
        assert!(
            missing.is_empty(),
            "a built-in workflow changed, and later programs have to know it: run this test with \
             UPDATE_EARLIER=1, and add a line to DIGESTS in {}: {missing:?}",
            file!()
        );
    }

    #[test]
    fn every_definition_that_was_built_in_is_kept_and_still_runs() {
        for &digest in DIGESTS {
            let text = std::fs::read(format!("{FOLDER}/{digest}.json")).unwrap();
            let stored = text.strip_suffix(b"\n").unwrap();
            assert_eq!(Digest::of(stored).to_hex(), digest);
            let bundle: Bundle = serde_json::from_slice(stored).unwrap();
            assert_eq!(Workflow::compile(&bundle).unwrap().digest.to_hex(), digest);
        }
        assert_eq!(std::fs::read_dir(FOLDER).unwrap().count(), DIGESTS.len());
        assert_eq!(EARLIER.len(), DIGESTS.len(), "one stands there twice");
    }
}
