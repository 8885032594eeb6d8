//! A scripted host that does what the server names as the next step. It has no model and no
//! memory: the phase comes from the last answer, plan and evidence come from the server, and the
//! report comes from the disk. The server does all measuring.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::constraints::{self, CONSTRAINTS, Constraint};
use super::report::{Dist, Edit, REPORT};
use super::session::{ReportedState, Session, standing};
use super::story::Story;
use super::verified::Verified;
use crate::model::Name;

/// Number of constraints that one iteration works on. A small step is easier to judge.
const STEPS_MAX: usize = 2;
const ITERATIONS_MAX: u32 = 6;
const ARTIFACT_TYPE: &str = "content";

/// A phase of an iteration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) phase: &'static str,
    pub(super) iteration: u32,
}

impl Moment {
    fn is_now(self, standing: &ReportedState) -> bool {
        standing.phase == self.phase && standing.iteration.current == self.iteration
    }
}

/// A scripted host.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) session: &'a Session,
    pub(super) name: &'a Name,
    pub(super) dist: &'a Dist,
    pub(super) story: Story,
}

/// The result of a phase, and the line that tells about it.
struct PhaseWork {
    result: Value,
    told: String,
}

/// An output file, as the server lists it.
#[derive(Debug, Deserialize)]
struct OutputFile {
    path: String,
    bytes: u64,
}

impl Host<'_> {
    /// Creates the artifact. Fails if it exists.
    pub(super) async fn open(&self) -> anyhow::Result<()> {
        let arguments = json!({
            "name": self.name,
            "artifact_type": ARTIFACT_TYPE,
            "content_type": "direct:content",
            "goals": ["The report can be read in the review on Monday"],
            "max_iterations": ITERATIONS_MAX,
        });
        let answer = self.session.call("init_state", arguments).await?;
        let outcome = answer["outcome"].as_str().unwrap_or_default();
        anyhow::ensure!(outcome == "created", "{} was {outcome}, not created", self.name);
        let told = format!("{outcome} {}, at most {ITERATIONS_MAX} iterations", self.name);
        self.story.step(&answer["version"], "init_state", &told);
        Ok(())
    }

    /// Continues from the artifact's phase until the loop ends or a moment is reached.
    pub(super) async fn drive(&self, until: Option<Moment>) -> anyhow::Result<ReportedState> {
        let mut now = self.session.load(self.name).await?;
        while now.status == "running" && !until.is_some_and(|moment| moment.is_now(&now)) {
            now = self.take_phase(&now).await?;
        }
        Ok(now)
    }

    async fn take_phase(&self, now: &ReportedState) -> anyhow::Result<ReportedState> {
        let outcome = match now.phase.as_str() {
            "specify" => specify(),
            "plan" => self.plan().await?,
            "execute" => self.execute().await?,
            "reflect" => self.reflect().await?,
            "persist" => self.persist().await?,
            other => anyhow::bail!("this host cannot handle the phase {other}"),
        };
        let arguments = json!({
            "name": self.name,
            "event": "complete",
            "phase": now.phase,
            "result": outcome.result,
        });
        let answer = self.session.call("transition", arguments).await?;
        self.tell(now, &answer, &outcome.told);
        standing(&answer)
    }

    fn tell(&self, now: &ReportedState, answer: &Value, told: &str) {
        let to = answer["to"].as_str().unwrap_or_default();
        let number = match now.iteration.current {
            0 => String::new(),
            number => number.to_string(),
        };
        let decision = answer["decision"]["decision"].as_str();
        let told = decision.map_or(told.to_owned(), |decision| format!("decision: {decision}"));
        let what = format!("{number:<2}{} → {to}", now.phase);
        self.story.step(&answer["version"], &what, told);
    }

    /// Plans the most severe violated constraints. Others wait until those are satisfied.
    async fn plan(&self) -> anyhow::Result<PhaseWork> {
        let verified = self.session.verify(self.name).await?;
        if verified.changed {
            self.tell_verified(&verified);
        }
        let open: Vec<_> = CONSTRAINTS.iter().filter(|one| !verified.holds(one.id)).collect();
        let worst = open.iter().filter(|one| one.severity == open[0].severity).take(STEPS_MAX);
        let chosen: Vec<&str> = worst.map(|one| one.id).collect();
        let step = |id: &&str| json!({ "file": REPORT, "change": "mend it", "constraints": [id] });
        let steps: Vec<Value> = chosen.iter().map(step).collect();
        Ok(PhaseWork { result: json!({ "steps": steps }), told: chosen.join(", ") })
    }

    /// Carries out the plan, and returns the files of the result.
    async fn execute(&self) -> anyhow::Result<PhaseWork> {
        let edits = self.carry_out_plan().await?;
        let actions: Vec<&str> = edits.iter().map(|edit| edit.action.as_str()).collect();
        let mut files: Vec<&str> = edits.iter().map(|edit| edit.file).collect();
        files.dedup();
        let manifest = manifest(&self.outputs().await?);
        let result = json!({ "actions": actions, "files_modified": files, "manifest": manifest });
        Ok(PhaseWork { told: actions.join(", "), result })
    }

    /// Runs the steps of the plan that the server stored.
    async fn carry_out_plan(&self) -> anyhow::Result<Vec<Edit>> {
        let steps = self.session.part(self.name, "/results/plan/steps").await?;
        let mut edits = Vec::new();
        for step in steps.as_array().into_iter().flatten() {
            let constraint = step["constraints"][0].as_str().and_then(constraints::find);
            let Some(constraint) = constraint else {
                anyhow::bail!("this host has no edit for {step}")
            };
            for edit in (constraint.mend)(&self.dist.report()?) {
                self.make(&edit).await?;
                edits.push(edit);
            }
        }
        Ok(edits)
    }

    /// Edits the report on the disk and sends new files through the server. A host may do either.
    async fn make(&self, edit: &Edit) -> anyhow::Result<()> {
        if edit.file == REPORT {
            return Ok(self.dist.write(edit.file, &edit.text)?);
        }
        let arguments = json!({ "name": self.name, "path": edit.file, "content": edit.text });
        let answer = self.session.call("write_output", arguments).await?;
        let told = format!("{}, {} bytes", edit.file, answer["bytes"]);
        self.story.step(&answer["version"], "write_output", told);
        Ok(())
    }

    /// Asks the server to measure, and reports regressions. The server already has the evidence.
    async fn reflect(&self) -> anyhow::Result<PhaseWork> {
        let verified = self.session.verify(self.name).await?;
        self.tell_verified(&verified);
        let known = self.session.part(self.name, "/constraints").await?;
        let regressed =
            known.as_array().into_iter().flatten().filter(|one| one["regressed"] == true);
        let regressions: Vec<&str> = regressed.filter_map(|one| one["id"].as_str()).collect();
        let told = if regressions.is_empty() {
            "no regressions".to_owned()
        } else {
            format!("regressions: {}", regressions.join(", "))
        };
        let summary = format!("{}; {told}", verified.counted());
        Ok(PhaseWork { result: json!({ "summary": summary, "regressions": regressions }), told })
    }

    /// Checks that the server has every reported file.
    async fn persist(&self) -> anyhow::Result<PhaseWork> {
        let there = self.outputs().await?;
        let files =
            self.session.part(self.name, "/results/execution_results/files_modified").await?;
        for file in files.as_array().into_iter().flatten() {
            let is_kept = there.iter().any(|output| output.path == *file && output.bytes > 0);
            anyhow::ensure!(is_kept, "{file} is missing or empty");
        }
        let result =
            json!({ "actions": ["checked that every file exists"], "files_modified": files });
        Ok(PhaseWork { result, told: String::new() })
    }

    fn tell_verified(&self, verified: &Verified) {
        self.story.step(&json!(verified.version), "verify", verified.counted());
    }

    /// Lists the output files.
    async fn outputs(&self) -> anyhow::Result<Vec<OutputFile>> {
        let mut answer = self.session.call("read_output", json!({ "name": self.name })).await?;
        serde_json::from_value(answer["outputs"].take()).context("read_output lists no files")
    }
}

fn specify() -> PhaseWork {
    let constraints: Vec<Value> = CONSTRAINTS.iter().map(Constraint::definition).collect();
    let told = format!("{} constraints, each with its measurement", constraints.len());
    let summary = "An incident report that is easy to read and follow";
    PhaseWork { result: json!({ "summary": summary, "constraints": constraints }), told }
}

/// Returns a manifest that names every file.
fn manifest(files: &[OutputFile]) -> Value {
    let variant = |file: &OutputFile| json!({ "name": file.path, "file": file.path });
    let variants: Vec<Value> = files.iter().map(variant).collect();
    json!({ "artifact_type": ARTIFACT_TYPE, "variants": variants })
}
