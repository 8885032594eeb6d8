use std::path::PathBuf;

use super::input::name;
use super::interrupt::interruptible;
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
        let answer = interruptible(context, export).await?;
        context.output.warnings(&left_out(&answer.left_out));
        context.output.answer(&answer, |page, answer| {
            let service::Exported { folder, name, version, files, .. } = answer;
            writeln!(page, "exported {name} at version {version}, with {files} files, to {folder}")
        })
    }
}

/// Says which files of `dist/` are not in the export.
fn left_out(paths: &[String]) -> Vec<String> {
    const SHOWN_MAX: usize = 20;
    let why =
        "is not exported: it is no regular file, or its name is not one that every system has";
    let shown = paths.iter().take(SHOWN_MAX).map(|path| format!("dist/{path} {why}"));
    let more = paths.len().saturating_sub(SHOWN_MAX);
    let more = (more > 0).then(|| format!("{more} more are not exported: see export.json"));
    shown.chain(more).collect()
}
