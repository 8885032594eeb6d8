use std::path::PathBuf;

use super::attend::attended;
use super::writing::name;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The artifact
    name: String,
    /// The folder to create [default: NAME-export, in the current folder]
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// Include every version, one line of JSON each
    #[arg(long)]
    history: bool,
    /// Replace an earlier export
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { to, history, force, .. } = self;
        let to = to.unwrap_or_else(|| PathBuf::from(format!("{}-export", self.name)));
        let arguments = service::Export { name: name(&self.name)?, to, history, force };
        let export = async |caller| context.service.export(arguments, &caller).await;
        let answer = attended(context, export).await?;
        context.output.answer(&answer, |page, answer| {
            let service::Exported { folder, name, version, files, .. } = answer;
            writeln!(page, "exported {name} at version {version}, with {files} files, to {folder}")
        })
    }
}
