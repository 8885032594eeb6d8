//! A work that lies where the project keeps it.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::checks::CommandPolicy;

/// A small repository, and a service on it.
struct Repository {
    folder: tempfile::TempDir,
    service: Service,
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Repository {
    fn new() -> Self {
        let (folder, service) = on_disk();
        let repository = Self { folder, service };
        for (path, text) in [
            (".gitignore", "target/\n*.log\n!kept.log\n"),
            (".git/HEAD", "ref: refs/heads/main\n"),
            (".git/refs/heads/main", COMMIT),
            ("README.md", "# Tool\n\nadd, list\n"),
            ("src/main.rs", "fn main() {} // UNDONE\n"),
            ("src/deep/a.rs", "// a\n"),
            ("src/deep/.gitignore", "b.rs\n"),
            ("src/deep/b.rs", "// ignored\n"),
            ("target/out", "built\n"),
            ("a.log", "said\n"),
            ("kept.log", "said\n"),
            ("dist/page.html", "<p>a</p>\n"),
            ("other/.git/HEAD", COMMIT),
            ("other/file", "in another repository\n"),
        ] {
            repository.put(path, text);
        }
        repository
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    #[expect(clippy::disallowed_methods, reason = "a person writes these files")]
    fn put(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap()
    }

    async fn listed(&self) -> Vec<String> {
        let listed = call::<ReadOutput>(&self.service, json!({})).await.unwrap();
        listed.outputs.unwrap().into_iter().map(|file| file.path).collect()
    }

    async fn write(&self, path: &str, content: &str) -> Result<WrittenOutput, Refusal> {
        call::<WriteOutput>(&self.service, json!({"path": path, "content": content})).await
    }

    /// Begins a loop whose one constraint asks for a source without UNDONE, and one that is asserted.
    async fn begin(&self, place: Value) {
        let mut fields = place;
        fields["goals"] = json!(["a tool"]);
        fields["constraints"] = json!([
            {"id": "todo", "description": "d", "severity": "blocking", "validation":
                {"method": "text_absent", "params": {"path": "src/**", "pattern": "UNDONE"}}},
            constraint("nice", "blocking"),
        ]);
        init(&self.service, fields).await.unwrap();
        self.complete("specify", json!({})).await;
    }

    async fn complete(&self, phase: &str, result: Value) -> Transitioned {
        let fields = json!({"event": "complete", "phase": phase, "result": result});
        send(&self.service, fields).await.unwrap()
    }

    async fn iterate(&self) -> Transitioned {
        self.complete("plan", json!({"steps": ["one"]})).await;
        self.complete("execute", json!({"actions": ["one"], "files_modified": []})).await;
        let nice = json!({"constraints": [{"id": "nice", "status": "satisfied"}]});
        self.complete("reflect", nice).await;
        self.complete("persist", json!({"actions": ["one"], "files_modified": []})).await
    }
}

#[tokio::test]
async fn the_work_is_what_git_does_not_ignore() {
    let repository = Repository::new();
    let opened = init(&repository.service, json!({"output_dir": "."})).await.unwrap();
    assert!(opened.briefing.next.instruction.contains("the project's own folder"));
    let expected = [
        ".gitignore",
        "README.md",
        "dist/page.html",
        "kept.log",
        "src/deep/.gitignore",
        "src/deep/a.rs",
        "src/main.rs",
    ];
    assert_eq!(repository.listed().await, expected);
    let read = |path: &str| call::<ReadOutput>(&repository.service, json!({"path": path}));
    assert_eq!(read("dist/page.html").await.unwrap().content.unwrap(), "<p>a</p>\n");
    assert_eq!(read("target/out").await.unwrap_err().code(), "not_found");
    assert_eq!(read(".git/HEAD").await.unwrap_err().code(), "forbidden");
    let state = document(&repository.service).await;
    assert_eq!((&state["output_dir"], state.get("files")), (&json!("."), None));
}

#[tokio::test]
async fn globs_say_which_files_are_the_work() {
    let repository = Repository::new();
    let files = json!({"output_dir": ".", "files": ["src/**/*.rs", "*.log", "target/out"]});
    init(&repository.service, files).await.unwrap();
    let expected = ["kept.log", "src/deep/a.rs", "src/main.rs", "target/out"];
    assert_eq!(repository.listed().await, expected);
    let inner = Repository::new();
    init(&inner.service, json!({"output_dir": "src/deep"})).await.unwrap();
    assert_eq!(inner.listed().await, [".gitignore", "a.rs"]);
    let written = inner.write("new/c.rs", "// c\n").await.unwrap();
    assert_eq!(written.path, "src/deep/new/c.rs");
    assert_eq!(inner.text("src/deep/new/c.rs"), "// c\n");
    assert_eq!(inner.write("b.rs", "x").await.unwrap_err().code(), "forbidden");
}

#[tokio::test]
async fn a_file_is_written_only_where_the_work_is() {
    let repository = Repository::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), repository.at("src/out")).unwrap();
    std::os::unix::fs::symlink("../README.md", repository.at("src/link.rs")).unwrap();
    let files = json!({"output_dir": ".", "files": ["src/**", "README.md", ".git*", "docs"]});
    init(&repository.service, files).await.unwrap();
    for good in ["src/new.rs", "src/a/b/c.rs", "README.md", ".gitattributes", "docs/a.md"] {
        repository.write(good, "new\n").await.expect(good);
        assert_eq!(repository.text(good), "new\n");
    }
    for bad in [
        ".git/config",
        ".GIT/config",
        "src/.git/config",
        ".git",
        ".refiner/registry.json",
        "src/.Refiner/x",
        "git~1/config",
        "Cargo.toml",
        "target/x",
        "src/out/x",
        "src/link.rs",
        "src/deep/b.rs",
        "src/main.rs/x",
    ] {
        let refusal = repository.write(bad, "bad\n").await.expect_err(bad);
        assert_eq!(refusal.code(), "forbidden", "{bad}: {refusal}");
        assert!(!refusal.hint().is_empty());
    }
    for bad in ["../x", "/etc/x", ".git./x", "src/.git /x", "src/a\u{0}", "src/..", ""] {
        let refusal = repository.write(bad, "bad\n").await.expect_err(bad);
        assert_eq!(refusal.code(), "invalid_argument", "{bad}: {refusal}");
    }
    assert!(!repository.at(".git/config").exists() && !repository.at("target/x").exists());
    assert!(repository.text("README.md") == "new\n" && repository.at("src/link.rs").is_symlink());
}

#[tokio::test]
async fn a_folder_that_cannot_hold_the_work_is_refused() {
    let repository = Repository::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), repository.at("out")).unwrap();
    for (fields, code) in [
        (json!({"output_dir": ".refiner"}), "invalid_argument"),
        (json!({"output_dir": ".Refiner/x"}), "invalid_argument"),
        (json!({"output_dir": "/etc"}), "invalid_argument"),
        (json!({"output_dir": "src/../.."}), "invalid_argument"),
        (json!({"output_dir": "out"}), "forbidden"),
        (json!({"output_dir": "out/deep"}), "forbidden"),
        (json!({"output_dir": "README.md"}), "forbidden"),
        (json!({"output_dir": ".", "files": ["../x"]}), "invalid_argument"),
        (json!({"files": ["src/**"]}), "invalid_argument"),
    ] {
        let refusal = init(&repository.service, fields.clone()).await.unwrap_err();
        assert_eq!(refusal.code(), code, "{fields}: {refusal}");
        assert!(!refusal.hint().is_empty());
    }
    let memory = service();
    let refusal = init(&memory, json!({"output_dir": "src"})).await.unwrap_err();
    assert_eq!(refusal.code(), "unsupported");
}

#[tokio::test]
async fn the_place_of_a_work_is_fixed_at_opening() {
    let repository = Repository::new();
    repository.put("src/main.rs", "fn main() {}\n");
    let place = json!({"output_dir": "./", "files": ["src/**", "README.md"]});
    repository.begin(place.clone()).await;
    assert_eq!(init(&repository.service, place).await.unwrap().outcome, Opened::Resumed);
    let other = [
        json!({"output_dir": "src"}),
        json!({"output_dir": ".", "files": ["src/**"]}),
        json!({"files": ["README.md"]}),
    ];
    for fields in other.clone() {
        let refusal = init(&repository.service, fields).await.unwrap_err();
        assert_eq!(refusal.code(), "invalid_argument");
    }
    let patch = json!({"patch": {"files": []}});
    assert_eq!(save(&repository.service, patch).await.unwrap_err().code(), "invalid_argument");
    assert_eq!(repository.iterate().await.to, "converged");
    for fields in other {
        assert!(init(&repository.service, fields).await.is_err(), "also in the next cycle");
    }
    let narrower: Init = arguments(json!({"files": ["src/**"]}));
    let refusal = repository.service.run(narrower.clone(), &caller()).await.unwrap_err();
    assert_eq!(refusal.code(), "approval_required");
    let person = person(&repository.service).await;
    let next = repository.service.run(narrower, &person).await.unwrap();
    assert_eq!(next.outcome, Opened::NewCycle);
    let state = document(&repository.service).await;
    assert_eq!(state["output_dir"], json!("."));
    assert_eq!(state["files"], json!(["src/**"]));
}

#[tokio::test]
async fn a_loop_over_a_project_converges_and_is_archived() {
    let repository = Repository::new();
    repository.begin(json!({"output_dir": "."})).await;
    let first = repository.iterate().await;
    assert_eq!(first.to, "plan", "there is a UNDONE in src/");
    let state = document(&repository.service).await;
    let iteration = &state["iteration_history"][0]["revision"];
    assert_eq!(*iteration, json!({"commit": COMMIT, "tree": "unknown"}));
    assert_eq!(state["manifest"]["inventory"]["files"], json!(7));
    assert_eq!(state["manifest"]["inventory"]["kept"], json!(true));
    repository.put("src/main.rs", "fn main() {}\n");
    assert_eq!(repository.iterate().await.to, "converged");
    let finalized = call::<Finalize>(&repository.service, json!({})).await.unwrap();
    assert_eq!(finalized.outputs, ".");
    let archived = |path: &str| repository.text(&format!(".refiner/history/report/1/dist/{path}"));
    assert_eq!(archived("src/main.rs"), "fn main() {}\n");
    assert_eq!(archived("dist/page.html"), "<p>a</p>\n");
    assert!(!repository.at(".refiner/history/report/1/dist/target").exists());
}

#[tokio::test]
async fn a_restore_brings_all_files_of_the_work_back() {
    let repository = Repository::new();
    repository.begin(json!({"output_dir": "."})).await;
    let version = repository.iterate().await.version;
    repository.put("src/main.rs", "fn main() { spoilt }\n");
    repository.put("target/out", "built again\n");
    std::fs::remove_file(repository.at("dist/page.html")).unwrap();
    let to = json!({"to": version.to_string()});
    call::<Restore>(&repository.service, to).await.unwrap();
    assert_eq!(repository.text("src/main.rs"), "fn main() {} // UNDONE\n");
    assert_eq!(repository.text("dist/page.html"), "<p>a</p>\n");
    assert_eq!(repository.text("target/out"), "built again\n", "it is no part of the work");
}

#[tokio::test]
async fn what_a_person_changed_meanwhile_is_not_overwritten() {
    let repository = Repository::new();
    init(&repository.service, json!({"output_dir": "."})).await.unwrap();
    let state = ".refiner/artifacts/report/state.json";
    let earlier = repository.text(state);
    repository.write("src/main.rs", "fn written() {}\n").await.unwrap();
    repository.put("src/main.rs", "fn edited() {}\n");
    repository.put(state, &earlier);
    let workspace = Workspace::open(repository.folder.path()).unwrap();
    let provider = Arc::new(Filesystem::new(&workspace));
    let later = Service::new(provider, Arc::new(SystemClock)).with_workspace(workspace);
    let saved = save(&later, json!({"patch": {"data": {"x": 1}}})).await.unwrap();
    assert_eq!(repository.text("src/main.rs"), "fn edited() {}\n");
    assert!(saved.briefing.warnings.iter().any(|one| one.contains("stays as it is")));

    repository.write("src/main.rs", "fn again() {}\n").await.unwrap();
    assert_eq!(repository.text("src/main.rs"), "fn again() {}\n");
}

#[tokio::test]
async fn a_reflection_holds_for_all_files_of_the_work() {
    let repository = Repository::new();
    repository.put("src/main.rs", "fn main() {}\n");
    repository.begin(json!({"output_dir": "."})).await;
    repository.complete("plan", json!({"steps": ["one"]})).await;
    let manifest = json!({"variants": [{"name": "tool", "file": "src/main.rs"}]});
    let result = json!({"actions": ["one"], "files_modified": [], "manifest": manifest});
    repository.complete("execute", result).await;
    let nice = json!({"constraints": [{"id": "nice", "status": "satisfied"}]});
    repository.complete("reflect", nice).await;
    repository.put("README.md", "another text\n");
    let result = json!({"actions": ["one"], "files_modified": []});
    assert_eq!(repository.complete("persist", result).await.to, "plan");
    let state = document(&repository.service).await;
    assert_eq!(state["constraints"][1]["status"], json!("stale"));
}

#[tokio::test]
async fn of_very_many_files_only_a_digest_is_kept() {
    let repository = Repository::new();
    repository.put("src/main.rs", "fn main() {}\n");
    for i in 0..limits::INVENTORY_FILES_KEPT_MAX {
        repository.put(&format!("many/{}/{i}", i % 20), "x");
    }
    repository.begin(json!({"output_dir": "."})).await;
    let last = repository.iterate().await;
    let warnings = last.briefing.warnings.join(" ");
    assert!(warnings.contains("keeps no content"), "{warnings}");
    let state = document(&repository.service).await;
    let inventory = &state["manifest"]["inventory"];
    assert_eq!((&inventory["files"], &inventory["kept"]), (&json!(10_007), &json!(false)));
    assert!(state["manifest"]["variants"].as_array().unwrap().len() <= 200);
    let blobs = std::fs::read_dir(repository.at(".refiner/artifacts/report/blobs")).unwrap();
    assert!(blobs.count() < 10);
}

#[tokio::test]
async fn git_is_asked_only_where_commands_are_allowed() {
    let run = |folder: &Path, arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]);
        assert!(git.args(arguments).current_dir(folder).output().unwrap().status.success());
    };
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.at(".git")).unwrap();
    std::fs::remove_dir_all(repository.at("other")).unwrap();
    run(repository.folder.path(), &["init", "-q"]);
    run(repository.folder.path(), &["add", "-A"]);
    run(repository.folder.path(), &["commit", "-q", "-m", "a"]);
    let allowed = CommandPolicy {
        allowed: vec![vec!["true".to_owned()]],
        directory: repository.folder.path().to_owned(),
        timeout: Duration::from_secs(20),
    };
    let service = repository.service.clone().with_commands(Some(allowed));
    let repository = Repository { service, folder: repository.folder };
    repository.begin(json!({"output_dir": "."})).await;
    repository.iterate().await;
    repository.put("src/main.rs", "fn main() {}\n");
    repository.iterate().await;
    let state = document(&repository.service).await;
    let tree = |iteration: usize| state["iteration_history"][iteration]["revision"]["tree"].clone();
    assert_eq!((tree(0), tree(1)), (json!("clean"), json!("changed")));
    assert_eq!(state["iteration_history"][0]["revision"]["commit"].as_str().unwrap().len(), 40);
}

#[tokio::test]
async fn rules_and_files_that_are_no_files_are_passed_over() {
    let repository = Repository::new();
    let secret = tempfile::tempdir().unwrap();
    std::fs::remove_file(repository.at(".gitignore")).unwrap();
    std::os::unix::fs::symlink(secret.path().join("rules"), repository.at(".gitignore")).unwrap();
    std::os::unix::fs::symlink(secret.path(), repository.at("src/out")).unwrap();
    for pipe in ["src/.gitignore", "src/pipe"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, repository.at(pipe), 0o600.into()).unwrap();
    }
    repository.put("src/a:b.rs", "// no name for every system\n");
    repository.put(".git/info/exclude", "README.md\n");
    init(&repository.service, json!({"output_dir": ".", "files": ["src/**", "*.md"]}))
        .await
        .unwrap();
    assert_eq!(repository.listed().await, ["src/deep/.gitignore", "src/deep/a.rs", "src/main.rs"]);
    let left_out = call::<ReadOutput>(&repository.service, json!({})).await.unwrap().left_out;
    let expected = ["src/.gitignore", "src/a:b.rs", "src/out", "src/pipe"];
    assert_eq!(left_out.unwrap(), expected);
    let read = call::<ReadOutput>(&repository.service, json!({"path": "src/out"})).await;
    assert_eq!(read.unwrap_err().code(), "forbidden");
}
