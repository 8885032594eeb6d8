//! The parts of artifacts as resources: `refiner://artifacts/{name}/<part>`.

use crate::model::Refusal;
use crate::model::entry::LogFile;
use crate::model::output::OutputPath;
use crate::service::Part;

/// What all artifacts' URIs begin with.
pub(super) const ARTIFACTS: &str = "refiner://artifacts";

/// A kind of part.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its place below the artifact, as a URI template has it.
    pub(super) path: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// The MIME type, where all parts of this kind have the same.
    pub(super) mime_type: Option<&'static str>,
    which: Which,
}

/// Which parts are of a kind.
#[derive(Debug)]
enum Which {
    /// One for each artifact.
    One(Part),
    /// Many, by what follows `path` up to its variable.
    Each(fn(&str) -> Result<Part, Refusal>),
}

/// All kinds, in the order in which hosts list them. A new one is an entry here.
pub(super) const KINDS: [Kind; 7] = [
    Kind {
        path: "state",
        title: "State",
        about: "The whole document with its version",
        mime_type: Some("application/json"),
        which: Which::One(Part::State),
    },
    Kind {
        path: "constraints",
        title: "Constraints",
        about: "What must hold, and what was found of it",
        mime_type: Some("application/json"),
        which: Which::One(Part::Constraints),
    },
    Kind {
        path: "manifest",
        title: "Manifest",
        about: "What the work consists of, once a loop has recorded it",
        mime_type: Some("application/json"),
        which: Which::One(Part::Manifest),
    },
    Kind {
        path: "log",
        title: "Refinement log",
        about: "What each iteration did",
        mime_type: Some("text/markdown"),
        which: Which::One(Part::Log(LogFile::RefinementLog)),
    },
    Kind {
        path: "decisions",
        title: "Decisions",
        about: "What was decided after each iteration, and by whom",
        mime_type: Some("text/markdown"),
        which: Which::One(Part::Log(LogFile::Decisions)),
    },
    Kind {
        path: "history",
        title: "History",
        about: "The newest entries of the journal, oldest first",
        mime_type: Some("application/json"),
        which: Which::One(Part::History),
    },
    Kind {
        path: "outputs/{+path}",
        title: "Output",
        about: "A file that the work produced",
        mime_type: None,
        which: Which::Each(|path| OutputPath::parse(path).map(Part::Output)),
    },
];

impl Kind {
    /// Returns the kind of a part that each artifact has one of.
    pub(super) fn of(part: &Part) -> Option<&'static Self> {
        KINDS.iter().find(|kind| matches!(&kind.which, Which::One(one) if one == part))
    }

    pub(super) fn template(&self) -> String {
        format!("{ARTIFACTS}/{{name}}/{}", self.path)
    }
}

/// Returns the part that is named below an artifact, or why it cannot be one; `None` when there is
/// no such kind.
pub(super) fn find(below: &str) -> Option<Result<(&'static Kind, Part), Refusal>> {
    KINDS.iter().find_map(|kind| match &kind.which {
        Which::One(part) => (kind.path == below).then(|| Ok((kind, part.clone()))),
        Which::Each(make) => {
            let (fixed, _) = kind.path.split_once('{')?;
            let given = below.strip_prefix(fixed)?;
            Some(make(given).map(|part| (kind, part)))
        }
    })
}
