//! A host that plays a story. It remembers nothing from one call to the next: what to do, and which
//! event ends it, is what the briefing says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::story::{File, Story, Way};
use crate::common::{Caller, Project};

/// Something that goes wrong in the iteration that would be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A blocking constraint does not hold.
    Constraint,
    /// A file of the manifest is gone when the iteration is closed.
    Missing,
    /// A file of the manifest has nothing in it when the iteration is closed.
    Emptied,
    /// The manifest breaks a rule of its schema.
    Manifest,
}

/// A host.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) project: &'a Project,
    pub(super) story: &'a Story,
    pub(super) caller: Caller,
    /// What goes wrong, and how many times still.
    pub(super) fault: Option<(Fault, u32)>,
    /// What it says that it could not do, when it executes.
    pub(super) failures: Vec<&'static str>,
}

/// A call that was made, and its answer.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) tool: &'static str,
    pub(super) arguments: Value,
    pub(super) answer: Value,
}

impl<'a> Host<'a> {
    pub(super) fn new(project: &'a Project, story: &'a Story, caller: Caller) -> Self {
        Self { project, story, caller, fault: None, failures: Vec::new() }
    }

    /// Opens the artifact.
    pub(super) async fn open(&self) -> Result<Value, Value> {
        let mut arguments = self.story.opening.clone();
        arguments["name"] = json!(self.story.name);
        self.caller.call("init_state", arguments).await
    }

    /// Returns where the artifact stands.
    pub(super) async fn briefing(&self) -> Result<Value, Value> {
        let state = self.caller.call("load_state", json!({ "name": self.story.name })).await?;
        Ok(state["briefing"].clone())
    }

    /// Does what the briefing asks for.
    pub(super) async fn go_on(&mut self, briefing: &Value) -> Result<Done, Value> {
        let name = self.story.name;
        let Some(event) = event(briefing) else {
            let instruction = briefing["next"]["instruction"].as_str().unwrap();
            assert!(instruction.contains("finalize"), "{briefing}");
            return self.done("finalize", json!({ "name": name })).await;
        };
        let iteration = briefing["iteration"]["current"].as_u64().unwrap();
        let result = match briefing["next"]["prompt"].as_str().unwrap() {
            "specify" => self.story.specification.clone(),
            "plan" => plan(self.story, iteration),
            "execute" => self.execute(iteration).await?,
            "reflect" => self.reflect(iteration).await?,
            "persist" => self.persist(iteration),
            other => panic!("nobody taught the host {other}"),
        };
        let phase = &briefing["phase"];
        let arguments = json!({ "name": name, "event": event, "phase": phase, "result": result });
        self.done("transition", arguments).await
    }

    async fn done(&self, tool: &'static str, arguments: Value) -> Result<Done, Value> {
        let answer = self.caller.call(tool, arguments.clone()).await?;
        Ok(Done { tool, arguments, answer })
    }

    /// Returns whether a fault happens now.
    fn fails(&mut self, iteration: u64, faults: &[Fault]) -> bool {
        match &mut self.fault {
            Some((fault, times)) if *times > 0 && faults.contains(fault) => {
                let now = iteration == self.story.good();
                *times -= u32::from(now);
                now
            }
            _ => false,
        }
    }

    async fn execute(&mut self, iteration: u64) -> Result<Value, Value> {
        let spoilt = self.fails(iteration, &[Fault::Constraint]);
        let mut modified = Vec::new();
        for file in self.story.files(iteration) {
            self.write(file).await?;
            modified.push(file.path);
        }
        if spoilt {
            self.write(&self.story.spoilt.0).await?;
        }
        self.try_again(iteration);
        let manifest = if self.fails(iteration, &[Fault::Manifest]) {
            &self.story.broken_manifest.0
        } else {
            &self.story.draft(iteration).manifest
        };
        Ok(json!({
            "actions": [format!("made draft {iteration}")], "files_modified": modified,
            "failures": self.failures, "manifest": manifest,
        }))
    }

    /// Tries the prompt in an iteration that no draft foresees: each iteration has a test output of its own.
    fn try_again(&self, iteration: u64) {
        if self.story.evaluation == "test_execution" && iteration > self.story.good() {
            let path = self.in_dist(&format!("test-outputs/iteration-{iteration}.md"));
            std::fs::write(path, "A grey sea, once more.\n").unwrap();
        }
    }

    pub(super) async fn write(&self, file: &File) -> Result<(), Value> {
        let mut arguments = json!({ "name": self.story.name, "path": file.path });
        match file.way {
            Way::Disk => {
                let path = self.in_dist(file.path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, &file.content).unwrap();
                return Ok(());
            }
            Way::Text => {
                arguments["content"] = json!(std::str::from_utf8(&file.content).unwrap());
            }
            Way::Bytes => arguments["content_base64"] = json!(BASE64.encode(&file.content)),
        }
        let written = self.caller.call("write_output", arguments).await?;
        assert_eq!(written["bytes"], file.content.len());
        assert_eq!(std::fs::read(self.in_dist(file.path)).unwrap(), file.content);
        Ok(())
    }

    /// Asserts what the story says, and of all that is measured that it holds: the server knows
    /// better.
    async fn reflect(&self, iteration: u64) -> Result<Value, Value> {
        let found = self.caller.call("verify", json!({ "name": self.story.name })).await?;
        let asserted = &self.story.draft(iteration).asserted;
        let finding = |one: &Value| {
            let id = one["id"].as_str().unwrap();
            let status =
                if one["asserted"] == true { asserted[id].clone() } else { json!("satisfied") };
            json!({ "id": id, "status": status, "details": "looked at it" })
        };
        let constraints: Vec<Value> =
            found["constraints"].as_array().unwrap().iter().map(finding).collect();
        let components = self.story.opening["components"].as_array();
        let component = |one: &Value| json!({ "name": one["name"], "status": "satisfied" });
        Ok(json!({
            "constraints": constraints, "summary": "see above", "regressions": [],
            "components": components.into_iter().flatten().map(component).collect::<Vec<_>>(),
        }))
    }

    fn persist(&mut self, iteration: u64) -> Value {
        let victim = self.in_dist(self.story.main_file());
        if self.fails(iteration, &[Fault::Missing]) {
            std::fs::remove_file(&victim).unwrap();
        }
        if self.fails(iteration, &[Fault::Emptied]) {
            std::fs::write(&victim, "").unwrap();
        }
        json!({ "actions": ["looked at dist/"], "files_modified": [] })
    }

    pub(super) fn in_dist(&self, path: &str) -> std::path::PathBuf {
        self.project.of(self.story.name, &format!("dist/{path}"))
    }
}

/// Returns the one event that may be sent and needs no person, or `None` when the loop has ended.
fn event(briefing: &Value) -> Option<String> {
    let events = briefing["next"]["events"].as_array().unwrap();
    let ours = events.iter().filter(|one| one["allowed"] == true && one["needs_human"] == false);
    let ours: Vec<&str> = ours.map(|one| one["event"].as_str().unwrap()).collect();
    assert!(ours.len() < 2, "the briefing leaves a choice: {briefing}");
    ours.first().map(|event| (*event).to_owned())
}

fn plan(story: &Story, iteration: u64) -> Value {
    let step = |file: &File| json!({ "file": file.path, "change": "write it", "constraints": [] });
    let steps: Vec<Value> = story.draft(iteration).files.iter().map(step).collect();
    let fields = [("summary", json!("the next draft")), ("steps", json!(steps))];
    Value::Object(
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<Map<_, _>>(),
    )
}
