use std::path::PathBuf;

use super::interrupt::interruptible;
use super::output::{Page, table};
use super::{Context, Failure};
use crate::service::{self, Imported, ImportedArtifact};

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The .refiner folder of the older PMPO skill, or its parent folder
    folder: PathBuf,
    /// Import only this artifact, by its old name
    #[arg(long)]
    name: Option<String>,
    /// The artifact's new name
    #[arg(long = "as", value_name = "NAME", requires = "name")]
    rename: Option<String>,
    /// Show what would be imported, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { folder, name, rename, dry_run } = self;
        let arguments = service::Import { folder, name, rename, dry_run };
        let import = async |caller| context.service.import(arguments, &caller).await;
        let answer = interruptible(context, import).await?;
        if answer.dry_run {
            context.output.say("Dry run: the import would write this.");
        }
        context.output.answer(&answer, page)
    }
}

fn page(page: Page<'_>, answer: &Imported) -> std::io::Result<()> {
    let row = |one: &ImportedArtifact| {
        let counts = [one.constraints, one.files].map(|count| count.to_string());
        let [constraints, files] = counts;
        vec![one.name.clone(), one.phase.clone(), one.status.clone(), constraints, files]
    };
    let rows: Vec<Vec<String>> = answer.artifacts.iter().map(row).collect();
    table(page, &["NAME", "PHASE", "STATUS", "CONSTRAINTS", "FILES"], &rows)?;
    let of_artifacts = answer.artifacts.iter().flat_map(|one| {
        one.remarks
            .iter()
            .map(|remark| vec![one.name.clone(), remark.place.clone(), remark.what.clone()])
    });
    let beside = answer.remarks.iter();
    let beside =
        beside.map(|remark| vec!["-".to_owned(), remark.place.clone(), remark.what.clone()]);
    let remarks: Vec<Vec<String>> = of_artifacts.chain(beside).collect();
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(page)?;
    table(page, &["OF", "PLACE", "RESULT"], &remarks)
}
