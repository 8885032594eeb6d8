use serde_json::json;

use super::consent::{PendingDecision, with_person};
use super::input::name;
use super::output::briefing;
use super::write_options::WriteOptions;
use super::{Context, Failure, input};
use crate::model::document::require_measured;
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The artifact's name: a-z 0-9 . _ -
    name: String,
    /// The artifact's workflow
    #[arg(long)]
    workflow: Option<String>,
    /// The artifact's type: logo, ui, a2ui, image, content, code, meta-prompt
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<String>,
    /// The content type, such as direct:svg
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// A goal of the work; may be repeated
    #[arg(long = "goal", value_name = "GOAL")]
    goals: Vec<String>,
    /// {"id":…,"description":…,"severity":"blocking|high|medium|low"}; may be repeated
    #[arg(long = "constraint", value_name = "JSON")]
    constraints: Vec<String>,
    /// Inputs to store with the artifact: JSON, @FILE or -
    #[arg(long, value_name = "JSON")]
    inputs: Option<String>,
    /// The loop ends after this many iterations
    #[arg(long, value_name = "N")]
    max_iterations: Option<u32>,
    /// Require a person's approval of every iteration
    #[arg(long)]
    requires_approval: bool,
    /// Run each prompt in every iteration, and judge it by its output
    #[arg(long)]
    test_generation: bool,
    /// {"name":…,"content_type":…}, a part of a meta:composite; may be repeated
    #[arg(long = "component", value_name = "JSON")]
    components: Vec<String>,
    /// Require a person's approval of goals and constraints before the work begins
    #[arg(long)]
    approve_specification: bool,
    /// Refuse constraints without a validation: none, blocking or all
    #[arg(long, value_name = "WHICH", value_enum)]
    require_measured: Option<RequireMeasured>,
    /// Ask a person when the phases have cost this much
    #[arg(long, value_name = "COST")]
    max_cost: Option<f64>,
    /// Ask a person when the phases have taken this long
    #[arg(long, value_name = "MINUTES")]
    max_minutes: Option<f64>,
    /// Ask a person when three iterations end with the same result
    #[arg(long)]
    pause_on_stall: bool,
    /// The folder of the project that holds the work, in place of dist/; . for all of the project
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<String>,
    /// A glob of the files there that are the work; may be repeated. Default: what git tracks
    #[arg(long = "file", value_name = "GLOB", requires = "output_dir")]
    files: Vec<String>,
    #[command(flatten)]
    writing: WriteOptions,
}

/// Which constraints need a validation.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RequireMeasured {
    None,
    Blocking,
    All,
}

impl From<RequireMeasured> for require_measured::RequireMeasured {
    fn from(which: RequireMeasured) -> Self {
        match which {
            RequireMeasured::None => Self::None,
            RequireMeasured::Blocking => Self::Blocking,
            RequireMeasured::All => Self::All,
        }
    }
}

impl Init {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let constraints: Vec<_> = self
            .constraints
            .iter()
            .map(|one| input::object("--constraint", one))
            .collect::<Result<_, _>>()?;
        let components: Vec<_> = self
            .components
            .iter()
            .map(|one| input::object("--component", one))
            .collect::<Result<_, _>>()?;
        let arguments = service::Init {
            name: name(&self.name)?,
            workflow: self.workflow,
            artifact_type: self.artifact_type,
            content_type: self.content_type,
            goals: Some(self.goals).filter(|goals| !goals.is_empty()),
            constraints: Some(constraints).filter(|constraints| !constraints.is_empty()),
            inputs: self.inputs.map(|inputs| input::object("--inputs", &inputs)).transpose()?,
            max_iterations: self.max_iterations,
            requires_approval: self.requires_approval.then_some(true),
            test_generation: self.test_generation.then_some(true),
            components: Some(components).filter(|components| !components.is_empty()),
            approve_specification: self.approve_specification.then_some(true),
            require_measured: self.require_measured.map(Into::into),
            max_cost: self.max_cost,
            max_minutes: self.max_minutes,
            pause_on_stall: self.pause_on_stall.then_some(true),
            output_dir: self.output_dir,
            files: Some(self.files).filter(|files| !files.is_empty()),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let open = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let pending = PendingDecision { name: &arguments.name, event: None, words: None };
        let answer = with_person(context, &pending, open).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            let outcome = json!(answer.outcome);
            writeln!(
                page,
                "{} in {}",
                outcome.as_str().unwrap_or_default().replace('_', " "),
                answer.workspace
            )?;
            briefing(page, &answer.briefing)
        })
    }
}
