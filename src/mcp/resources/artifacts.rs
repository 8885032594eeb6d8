//! The parts of artifacts as resources: `refiner://artifacts/{name}/<part>`.

use crate::model::Refusal;
use crate::model::document::output::OutputPath;
use crate::model::journal::entry::LogFile;
use crate::service::Part;

/// The URI prefix of all artifacts.
pub(super) const ARTIFACTS: &str = "refiner://artifacts";

/// A kind of part.
#[derive(Debug)]
pub(super) struct Kind {
    /// The path below the artifact, as a URI template.
    pub(super) path: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// The MIME type, if all parts of this kind share one.
    pub(super) mime_type: Option<&'static str>,
    which: Which,
}

/// The parts of a kind.
#[derive(Debug)]
enum Which {
    /// One part per artifact.
    One(Part),
    /// Many parts: the path's prefix, followed by the variable's value.
    Each(fn(&str) -> Result<Part, Refusal>),
}

/// All kinds, in list order. To add one, add an entry here.
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
        about: "The constraints with their status and evidence",
        mime_type: Some("application/json"),
        which: Which::One(Part::Constraints),
    },
    Kind {
        path: "manifest",
        title: "Manifest",
        about: "The recorded files of the work",
        mime_type: Some("application/json"),
        which: Which::One(Part::Manifest),
    },
    Kind {
        path: "log",
        title: "Refinement log",
        about: "The actions and results of each iteration",
        mime_type: Some("text/markdown"),
        which: Which::One(Part::Log(LogFile::RefinementLog)),
    },
    Kind {
        path: "decisions",
        title: "Decisions",
        about: "The decision after each iteration, and who made it",
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
        which: Which::Each(|path| output(path).map(Part::Output)),
    },
];

/// Returns a path that an output may have. Whether the work has it depends on the artifact.
fn output(path: &str) -> Result<OutputPath, Refusal> {
    OutputPath::new(path).or_else(|_| OutputPath::parse(path))
}

impl Kind {
    /// Returns the kind of a part that exists once per artifact.
    pub(super) fn of(part: &Part) -> Option<&'static Self> {
        KINDS.iter().find(|kind| matches!(&kind.which, Which::One(one) if one == part))
    }

    pub(super) fn template(&self) -> String {
        format!("{ARTIFACTS}/{{name}}/{}", self.path)
    }
}

/// Returns the part with this path below an artifact, or why the path is invalid. `None` if the
/// kind is unknown.
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
