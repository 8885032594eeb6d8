//! What a tool does to the workspace: its annotations, its icon and the scope that it needs follow.

/// A tool's effect on the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Reads,
    /// Adds a version; a repetition adds none.
    WritesOnce,
    /// Adds a version each time.
    Writes,
    /// Removes content. Only a person decides it.
    Destroys,
}
