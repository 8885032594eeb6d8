//! The host: it does what the server says is next. No model is in it, and no memory either: the
//! phase comes from the last answer, the plan and the constraints from the server, and the report
//! from the disk.

use serde_json::{Value, json};

use super::constraints::{self, CONSTRAINTS};
use super::measure::Outline;
use super::report::{Dist, Edit, REPORT};
use super::session::{Session, Standing, standing};
use super::story::Story;
use crate::model::Name;

/// Constraints that one iteration works on. A small step is easier to judge.
const STEPS_MAX: usize = 2;
const ITERATIONS_MAX: u32 = 6;

/// A phase of an iteration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) phase: &'static str,
    pub(super) iteration: u32,
}

impl Moment {
    fn is_now(self, standing: &Standing) -> bool {
        standing.phase == self.phase && standing.iteration.current == self.iteration
    }
}

/// A scripted host at work.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) session: &'a Session,
    pub(super) name: &'a Name,
    pub(super) dist: &'a Dist,
    pub(super) story: Story,
}

/// What a phase produced, and what to tell about it.
struct Outcome {
    result: Value,
    told: String,
}

impl Host<'_> {
    /// Opens the artifact. Nobody else may have made it.
    pub(super) async fn open(&self) -> anyhow::Result<()> {
        let arguments = json!({
            "name": self.name,
            "artifact_type": "content",
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

    /// Goes on from where the artifact stands until the loop has ended, or to a moment.
    pub(super) async fn drive(&self, until: Option<Moment>) -> anyhow::Result<Standing> {
        let mut now = self.session.load(self.name).await?;
        while now.status == "running" && !until.is_some_and(|moment| moment.is_now(&now)) {
            now = self.take_phase(&now).await?;
        }
        Ok(now)
    }

    async fn take_phase(&self, now: &Standing) -> anyhow::Result<Standing> {
        let outcome = match now.phase.as_str() {
            "specify" => self.specify()?,
            "plan" => self.plan().await?,
            "execute" => self.execute().await?,
            "reflect" => self.reflect().await?,
            "persist" => self.persist().await?,
            other => anyhow::bail!("this host does not know what to do in the phase {other}"),
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

    fn tell(&self, now: &Standing, answer: &Value, told: &str) {
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

    fn specify(&self) -> anyhow::Result<Outcome> {
        let definition = |one: &constraints::Constraint| json!({ "id": one.id, "description": one.description, "severity": one.severity });
        let measured = self.measure()?;
        let told = format!("{} constraints, {}", CONSTRAINTS.len(), counted(&measured));
        let result = json!({
            "summary": "A report of an incident that can be read and followed",
            "constraints": CONSTRAINTS.iter().map(definition).collect::<Vec<_>>(),
            "measured": measured,
        });
        Ok(Outcome { result, told })
    }

    /// Takes the worst of what is open: one that weighs less waits until nothing heavier is open.
    async fn plan(&self) -> anyhow::Result<Outcome> {
        let known = self.session.part(self.name, "/constraints").await?;
        let is_open = |id: &str| status(&known, id) != Some("satisfied");
        let open: Vec<_> = CONSTRAINTS.iter().filter(|one| is_open(one.id)).collect();
        let worst = open.iter().filter(|one| one.severity == open[0].severity).take(STEPS_MAX);
        let chosen: Vec<&str> = worst.map(|one| one.id).collect();
        let step = |id: &&str| json!({ "file": REPORT, "change": "mend it", "constraint": id });
        let steps: Vec<Value> = chosen.iter().map(step).collect();
        Ok(Outcome { result: json!({ "steps": steps }), told: chosen.join(", ") })
    }

    /// Carries out the plan that the server keeps.
    async fn execute(&self) -> anyhow::Result<Outcome> {
        let steps = self.session.part(self.name, "/results/plan/steps").await?;
        let mut edits: Vec<Edit> = Vec::new();
        for step in steps.as_array().into_iter().flatten() {
            let constraint = step["constraint"].as_str().and_then(constraints::find);
            let Some(constraint) = constraint else { anyhow::bail!("nobody can mend {step}") };
            edits.extend((constraint.mend)(self.dist)?);
        }
        let actions: Vec<&str> = edits.iter().map(|edit| edit.action.as_str()).collect();
        let mut files: Vec<String> =
            edits.iter().map(|edit| format!("dist/{}", edit.file)).collect();
        files.dedup();
        let result = json!({ "actions": actions, "files_modified": files });
        Ok(Outcome { told: actions.join(", "), result })
    }

    /// Measures the report and says what has become worse.
    async fn reflect(&self) -> anyhow::Result<Outcome> {
        let before = self.session.part(self.name, "/constraints").await?;
        let measured = self.measure()?;
        let fell = |id: &&str| {
            status(&before, id) == Some("satisfied") && status(&measured, id) == Some("violated")
        };
        let regressions: Vec<&str> = CONSTRAINTS.iter().map(|one| one.id).filter(fell).collect();
        let mut told = counted(&measured);
        if !regressions.is_empty() {
            told = format!("{told}; worse than before: {}", regressions.join(", "));
        }
        let result =
            json!({ "summary": told, "constraints": measured, "regressions": regressions });
        Ok(Outcome { result, told })
    }

    /// Looks whether what was reported is on the disk.
    async fn persist(&self) -> anyhow::Result<Outcome> {
        let files =
            self.session.part(self.name, "/results/execution_results/files_modified").await?;
        for file in files.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = self.dist.path().join(file.trim_start_matches("dist/"));
            anyhow::ensure!(path.metadata()?.len() > 0, "{} is empty", path.display());
        }
        let result =
            json!({ "actions": ["saw that every file is there"], "files_modified": files });
        Ok(Outcome { result, told: String::new() })
    }

    fn measure(&self) -> anyhow::Result<Value> {
        let outline = Outline::of(&self.dist.report()?);
        let measured = CONSTRAINTS.iter().map(|one| {
            let finding = (one.measure)(&outline, self.dist.path());
            let status = if finding.holds { "satisfied" } else { "violated" };
            json!({ "id": one.id, "status": status, "details": finding.details })
        });
        Ok(measured.collect())
    }
}

/// Returns the status of a constraint in a list of them.
pub(super) fn status<'a>(list: &'a Value, id: &str) -> Option<&'a str> {
    list.as_array()?.iter().find(|one| one["id"] == id)?["status"].as_str()
}

fn counted(measured: &Value) -> String {
    let hold = CONSTRAINTS.iter().filter(|one| status(measured, one.id) == Some("satisfied"));
    format!("{} of {} hold", hold.count(), CONSTRAINTS.len())
}
