use std::path::PathBuf;

use super::Failure;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) async fn run(self, _dir: Option<PathBuf>, _output: Output) -> Result<(), Failure> {
        Ok(())
    }
}
