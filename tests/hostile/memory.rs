//! Patches, templates and guards that want all the memory there is get little of it.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Journal, Project, Raw, command, framed, older_program, on_terminal, peak_kib};

/// What a server may take beside a document, and the largest document.
const PEAK_KIB_MAX: u64 = (256 + 4) << 10;

/// Saves of 2 MiB, which are 360 MiB of patches together.
const SAVES: u32 = 180;

/// Templates that make much of little, each with a part of the reason for which it is not rendered.
fn templates() -> Vec<(String, &'static str)> {
    let doubled = "{% set a = a ~ a %}".repeat(16);
    vec![
        (r#"{{ "a\nb"|indent(2000000000) }}"#.into(), "the filter indent"),
        (format!("{{% set a = state.data.s %}}{doubled}{{{{ a }}}}"), "the operator ~"),
        ("{{ 'ab' * 100000000 }}".into(), "* multiplies numbers"),
        ("{% for x in state.data.l %}{% if state == state %}{% endif %}{% endfor %}".into(), "16 MiB"),
        (
            "{% for x in state.data.l %}{% if state.data.l | join(state.data.s) %}{% endif %}{% endfor %}"
                .into(),
            "16 MiB",
        ),
        (format!("{{{{ {}1 }}}}", "- ".repeat(100_000)), "words and signs"),
    ]
}

/// Guards that make much of little.
const GUARDS: [&str; 4] = [
    "data.l.map(x, data.l.map(y, data.s + data.s)).size() == 1000",
    "data.l.map(x, data).map(x, [x, x, x]).size() == 1000",
    "data.m.all(x, data.m == data.m && data == data)",
    "data.l.exists(x, data.l.map(y, [data.l, data.l, data.l]).size() < 0) || true",
];

/// Puts a workflow of the project's own into its folder.
fn add_workflow(project: &Project, name: &str, guard: &str, template: &str) {
    let folder = project.file(&format!("workflows/{name}"));
    let workflow = json!({
        "id": name, "version": 1, "title": "T", "initial": "work",
        "prompts": { "p": { "title": "P", "description": "d" } },
        "guards": { "g": [guard] },
        "states": {
            "work": {
                "meta": { "prompt": "p" },
                "on": { "complete": [{ "target": "done", "guard": "g" }, { "target": "again" }] }
            },
            "again": { "on": { "complete": [{ "target": "work" }] } },
            "done": { "type": "final", "meta": { "status": "converged" } }
        }
    });
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("workflow.json"), workflow.to_string()).unwrap();
    fs::write(folder.join("p.md"), template).unwrap();
}

/// Lets a person trust the project's workflows, hostile as they are.
fn trust(project: &Project) {
    let mut command = command(project.path());
    command.arg("trust");
    let (code, screen) = on_terminal(command, "yes\n");
    assert_eq!(code, Some(0), "{screen}");
}

/// Data of nearly a whole document: a long text, a long list, and many small values.
fn large() -> Value {
    let rows: Vec<Value> = (0..500).map(|i| json!(vec![i; 500])).collect();
    json!({ "s": "ab\n".repeat(700_000), "l": (0..1000).collect::<Vec<_>>(), "m": rows })
}

/// Opens an artifact that runs a workflow, with as much in it as there may be.
async fn open(server: &mut Raw, artifact: &str, workflow: &str) {
    let init = json!({ "name": artifact, "workflow": workflow });
    server.call("init_state", init).await.unwrap();
    let save = json!({ "name": artifact, "patch": { "data": large() } });
    server.call("save_state", save).await.unwrap();
}

/// Fails when a server ever had more in memory than it may. Run with `--nocapture` to see how much.
#[expect(clippy::print_stdout, reason = "what was measured, for a person who asks")]
fn check_peak(server: &Raw, what: &str) {
    let peak = peak_kib(server.id());
    let what = what.chars().take(80).collect::<String>();
    println!("{:4} MiB: {what}", peak >> 10);
    assert!(peak < PEAK_KIB_MAX, "{what}: {peak} KiB");
}

#[tokio::test]
async fn hostile_templates_get_a_reason_and_little_memory() {
    let project = Project::new();
    let templates = templates();
    for (i, (template, _)) in templates.iter().enumerate() {
        add_workflow(&project, &format!("w{i}"), "true", template);
    }
    trust(&project);
    for (i, (template, reason)) in templates.iter().enumerate() {
        let mut server = Raw::greeted(project.path()).await;
        let (artifact, workflow) = (format!("a{i}"), format!("w{i}"));
        open(&mut server, &artifact, &workflow).await;
        let load = json!({ "name": artifact, "with_prompt": true });
        let refusal = server.call("load_state", load).await.unwrap_err().to_string();
        assert!(refusal.contains(reason), "{template}: {refusal}");
        check_peak(&server, template);
        assert!(server.end().await.0.success());
    }
}

#[tokio::test]
async fn hostile_guards_do_not_hold_and_take_little_memory() {
    let project = Project::new();
    for (i, guard) in GUARDS.iter().enumerate() {
        add_workflow(&project, &format!("w{i}"), guard, "text");
    }
    trust(&project);
    for (i, guard) in GUARDS.iter().enumerate() {
        let mut server = Raw::greeted(project.path()).await;
        let (artifact, workflow) = (format!("a{i}"), format!("w{i}"));
        open(&mut server, &artifact, &workflow).await;
        let event = json!({ "name": artifact, "event": "complete", "phase": "work" });
        let taken = server.call("transition", event).await.unwrap();
        assert_eq!(taken["briefing"]["phase"], "again", "{guard}: {taken}");
        check_peak(&server, guard);
        assert!(server.end().await.0.success());
    }
}

/// Adds an entry to a journal that has a patch and nothing else that is wrong.
fn append(project: &Project, patch: &Value) {
    let mut journal = Journal::read(project, "a");
    let last = journal.lines.last().unwrap();
    let entry: Value = serde_json::from_slice(last).unwrap();
    let version = entry["version"].as_u64().unwrap();
    let line = String::from_utf8(last.clone()).unwrap();
    let line = line
        .replace(&format!("\"version\":{version},"), &format!("\"version\":{},", version + 1))
        .replace(entry["previous"].as_str().unwrap(), blake3::hash(last).to_hex().as_str())
        .replace(&format!("\"patch\":{}", entry["patch"]), &format!("\"patch\":{patch}"));
    assert!(line.contains(&patch.to_string()), "{line}");
    journal.lines.push(framed(line.as_bytes()));
    journal.write();
}

#[tokio::test]
async fn hostile_patches_are_damage_and_take_little_memory() {
    let into_itself: Vec<Value> = (0..30)
        .map(|i| json!({ "op": "copy", "from": "/data", "path": format!("/data/{i}") }))
        .collect();
    let over_another = vec![json!({ "op": "copy", "from": "/data", "path": "/goals" }); 1000];
    let to_and_fro: Vec<Value> = [("/data", "/goals"), ("/goals", "/data")]
        .repeat(1000)
        .iter()
        .map(|(from, path)| json!({ "op": "move", "from": from, "path": path }))
        .collect();
    for patch in [into_itself, over_another, to_and_fro] {
        let project = Project::new();
        let mut server = Raw::greeted(project.path()).await;
        open(&mut server, "a", "document").await;
        let save = json!({ "name": "a", "patch": { "data": { "x": 1 } } });
        server.call("save_state", save).await.unwrap();
        assert!(server.end().await.0.success());
        append(&project, &json!(patch));

        let mut server = Raw::greeted(project.path()).await;
        let load = json!({ "name": "a", "select": ["/data/x"] });
        let loaded = server.call("load_state", load).await.unwrap().to_string();
        assert!(loaded.contains("would become larger than 8388608 bytes"), "{loaded}");
        check_peak(&server, &patch[0].to_string());
        assert!(server.end().await.0.success());
    }
}

/// The older program ended no segment for its size: one holds every save since the artifact began.
#[tokio::test]
async fn a_large_segment_of_an_older_program_opens_in_little_memory() {
    let project = Project::new();
    let mut serve = std::process::Command::new(older_program());
    serve.arg("--dir").arg(project.path()).arg("serve");
    serve.env("XDG_CONFIG_HOME", project.path().join(".config"));
    let mut older = Raw::start_command(serve);
    older.greet("2025-11-25").await;
    older.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    for i in 0..SAVES {
        let text = format!("{i:04}").repeat(1 << 19);
        let save = json!({ "name": "a", "patch": { "data": { "text": text } } });
        older.call("save_state", save).await.unwrap();
    }
    assert!(older.end().await.0.success());
    assert_eq!(fs::read_dir(project.of("a", "journal")).unwrap().count(), 1);
    let blobs = fs::read_dir(project.of("a", "blobs")).unwrap();
    let sizes = blobs.map(|blob| blob.unwrap().metadata().unwrap().len());
    assert!(sizes.sum::<u64>() > 300 << 20, "the segment takes more than the server may");
    fs::remove_file(project.of("a", "state.json")).unwrap();

    let mut server = Raw::greeted(project.path()).await;
    let load = json!({ "name": "a", "select": ["/version"] });
    let loaded = server.call("load_state", load).await.unwrap();
    assert_eq!(loaded["version"], SAVES + 1, "{loaded}");
    let save = json!({ "name": "a", "patch": { "data": { "x": 1 } } });
    server.call("save_state", save).await.unwrap();
    check_peak(&server, "a large segment of an older program");
    assert!(server.end().await.0.success());
}
