//! What people install, and what tells others where to find it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use toml_edit::DocumentMut;

use crate::common::{finish, soon};

/// The target that a program of the present machine passes for.
const TARGET: &str = if cfg!(target_arch = "x86_64") {
    "x86_64-unknown-linux-musl"
} else {
    "aarch64-unknown-linux-musl"
};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap()
}

fn json_of(path: &str) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

fn manifest() -> DocumentMut {
    text("Cargo.toml").parse().unwrap()
}

/// Runs a script of the project with the program that is tested, and returns what it made.
fn made_by(script: &str, folder: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let before: BTreeSet<PathBuf> = files(folder);
    let mut command = Command::new(project().join("scripts").join(script));
    command.arg(folder).args(arguments);
    let finished = finish(&mut command, "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    files(folder).difference(&before).cloned().collect()
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_file_that_says_the_version_or_where_the_project_is_says_the_same() {
    let manifest = manifest();
    let said = |key: &str| json!(manifest["package"][key].as_str().unwrap());
    let (version, repository) = (said("version"), said("repository"));
    let (server, npm) = (json_of("server.json"), json_of("npm/refiner-mcp/package.json"));
    let package = &server["packages"][0];
    for other in [&server["version"], &package["version"], &npm["version"]] {
        assert_eq!(*other, version);
    }
    for (_, other) in npm["optionalDependencies"].as_object().unwrap() {
        assert_eq!(*other, version);
    }
    for other in [&server["websiteUrl"], &server["repository"]["url"]] {
        assert_eq!(*other, repository);
    }
    let url = format!("git+{}.git", repository.as_str().unwrap());
    assert_eq!(npm["repository"]["url"], url);
    assert!(text("scripts/npm-package").contains(&url));
    for other in [&server["description"], &npm["description"]] {
        assert_eq!(*other, said("description"));
    }
    assert_eq!(npm["license"], said("license"));
    assert_eq!((&package["identifier"], &npm["mcpName"]), (&npm["name"], &server["name"]));
    let launch = text("src/cli/install/launch.rs");
    assert!(launch.contains(&format!("NPM_PACKAGE: &str = {};", npm["name"])));
}

/// The rules of the registry's schema of 2025-12-11 for the fields that are used here, and nothing
/// else: a field that they do not know is refused.
#[test]
fn the_registry_s_file_has_the_form_that_the_registry_asks_for() {
    let argument = json!({
        "type": "object", "required": ["type", "value"], "additionalProperties": false,
        "properties": { "type": { "const": "positional" }, "value": { "type": "string" } },
    });
    let variable = json!({
        "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": {
            "name": { "type": "string" }, "description": { "type": "string" },
            "format": { "enum": ["string", "number", "boolean", "filepath"] },
        },
    });
    let package = json!({
        "type": "object", "required": ["registryType", "identifier", "version", "transport"],
        "additionalProperties": false,
        "properties": {
            "registryType": { "enum": ["npm", "pypi", "cargo", "oci", "nuget", "mcpb"] },
            "identifier": { "type": "string" },
            "version": { "type": "string", "pattern": "^\\d+\\.\\d+\\.\\d+$" },
            "runtimeHint": { "enum": ["npx", "uvx", "docker", "dnx"] },
            "transport": {
                "type": "object", "required": ["type"], "additionalProperties": false,
                "properties": { "type": { "const": "stdio" } },
            },
            "packageArguments": { "type": "array", "items": argument },
            "environmentVariables": { "type": "array", "items": variable },
        },
    });
    let schema = json!({
        "type": "object", "required": ["$schema", "name", "description", "version"],
        "additionalProperties": false,
        "properties": {
            "$schema": {
                "const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            },
            "name": { "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200 },
            "title": { "type": "string", "maxLength": 100 },
            "description": { "type": "string", "minLength": 1, "maxLength": 100 },
            "version": { "type": "string", "pattern": "^\\d+\\.\\d+\\.\\d+$" },
            "websiteUrl": { "type": "string", "pattern": "^https://" },
            "repository": {
                "type": "object", "required": ["url", "source"], "additionalProperties": false,
                "properties": { "url": { "pattern": "^https://" }, "source": { "const": "github" } },
            },
            "packages": { "type": "array", "minItems": 1, "items": package },
        },
    });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let server = json_of("server.json");
    let errors: Vec<String> =
        validator.iter_errors(&server).map(|error| format!("{error}")).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn the_entry_that_people_copy_starts_the_server() {
    let servers = json!({ "refiner": { "command": "refiner", "args": ["serve"] } });
    assert_eq!(json_of("mcp.json"), json!({ "mcpServers": servers }));
}

/// The targets that are built for a release.
fn targets() -> Vec<String> {
    let workflow = text(".github/workflows/release.yml");
    let lines = workflow.lines().filter_map(|line| line.trim().strip_prefix("- target: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn cargo_binstall_looks_for_the_archives_that_a_release_has() {
    let manifest = manifest();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let built = targets();
    let gnu = built.iter().filter(|target| target.ends_with("-musl"));
    let gnu = gnu.map(|target| target.replace("-musl", "-gnu"));
    let folder = tempfile::tempdir().unwrap();
    for target in built.iter().cloned().chain(gnu) {
        let own = binstall["overrides"].get(&target);
        let say = |key: &str| {
            let own = own.and_then(|own| own.get(key));
            own.or_else(|| binstall.get(key)).unwrap().as_str().unwrap().to_owned()
        };
        let suffix = if say("pkg-fmt") == "zip" { ".zip" } else { ".tar.gz" };
        let extension = if target.contains("windows") { ".exe" } else { "" };
        let filled = |template: String| {
            let template = template.replace("{ target }", &target).replace("{ bin }", "refiner");
            template.replace("{ archive-suffix }", suffix).replace("{ binary-ext }", extension)
        };
        let (url, program) = (filled(say("pkg-url")), filled(say("bin-dir")));
        let (_, archive) = url.rsplit_once('/').unwrap();
        let of = built.iter().find(|target| archive.starts_with(&format!("refiner-{target}.")));
        assert!(of.is_some(), "no release has {archive}, which is for {target}");
        assert_eq!(suffix == ".zip", target.contains("windows"));
        if suffix == ".tar.gz" {
            let made = made_by("release-archive", folder.path(), &[of.unwrap(), "/bin/sh"]);
            assert!(made.is_empty() || made[0].ends_with(archive), "{made:?}");
            let mut list = Command::new("tar");
            let listed = finish(list.arg("-tzf").arg(folder.path().join(archive)), "").stdout;
            let name = program.replace("/refiner", "/sh");
            assert!(listed.lines().any(|line| line == name), "{name} is not in {listed}");
        }
    }
    assert_eq!(built.len(), 5, "{built:?}");
}

#[test]
fn every_target_of_a_release_has_its_npm_package() {
    let wanted = json_of("npm/refiner-mcp/package.json");
    let wanted = wanted["optionalDependencies"].as_object().unwrap().keys().cloned();
    let folder = tempfile::tempdir().unwrap();
    let made = targets().into_iter().map(|target| {
        let made = made_by("npm-package", folder.path(), &[&target, "/bin/sh"]);
        let mut tar = Command::new("tar");
        tar.args(["-xzOf", made[0].to_str().unwrap(), "package/package.json"]);
        let package: Value = finish(&mut tar, "").json();
        let platform = format!("{}-{}", package["os"][0], package["cpu"][0]).replace('"', "");
        assert_eq!(package["name"], format!("@refiner-mcp/{platform}"));
        package["name"].as_str().unwrap().to_owned()
    });
    assert_eq!(made.collect::<BTreeSet<_>>(), wanted.collect::<BTreeSet<_>>());
}

/// Somebody's folder with the npm packages installed, without any network.
fn installed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // As in a release, and five times faster to pack.
    let program = folder.path().join("stripped");
    let mut strip = Command::new("strip");
    let stripped = finish(strip.arg(env!("CARGO_BIN_EXE_refiner")).arg("-o").arg(&program), "");
    assert_eq!(stripped.code, Some(0), "{stripped:?}");
    let mut packages = made_by("npm-package", folder.path(), &[]);
    let arguments = [TARGET, program.to_str().unwrap()];
    packages.extend(made_by("npm-package", folder.path(), &arguments));
    let mut npm = Command::new("npm");
    npm.args(["install", "--offline", "--no-audit", "--no-fund"]).args(&packages);
    npm.arg("--prefix").arg(folder.path()).env("npm_config_cache", folder.path().join("cache"));
    let finished = finish(npm.current_dir(folder.path()), "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    folder
}

fn launcher(folder: &Path) -> Command {
    let mut command = Command::new(folder.join("node_modules/.bin/refiner-mcp"));
    command.env("REFINER_DIR", folder);
    command
}

#[tokio::test]
async fn the_npm_package_runs_the_program_as_if_it_had_been_run_itself() {
    let folder = installed();
    let mut npx = Command::new("npx");
    npx.args(["--offline", "refiner-mcp", "--version"]).current_dir(folder.path());
    npx.env("npm_config_cache", folder.path().join("cache"));
    let version = finish(&mut npx, "");
    assert_eq!(version.stdout, format!("refiner {}\n", env!("CARGO_PKG_VERSION")), "{version:?}");

    let wrong = finish(launcher(folder.path()).args(["show", "nobody"]), "");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    let usage = finish(launcher(folder.path()).arg("nothing"), "");
    assert_eq!(usage.code, Some(2), "{usage:?}");

    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    }});
    let served = finish(launcher(folder.path()).arg("serve"), &format!("{hello}\n"));
    assert_eq!(served.code, Some(0), "it ends with its standard input: {served:?}");
    assert_eq!(served.json()["result"]["serverInfo"]["name"], "refiner");

    let mut command = tokio::process::Command::from(launcher(folder.path()));
    command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    stdin.write_all(format!("{hello}\n").as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stdout);
    let mut answer = String::new();
    soon("the answer", lines.read_line(&mut answer)).await.unwrap();
    let id = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let ended = soon("the launcher's end", child.wait()).await.unwrap();
    assert_eq!(ended.code(), Some(0), "the signal reached the program, which ended well");
    let mut rest = Vec::new();
    soon("the end of the program", lines.read_to_end(&mut rest)).await.unwrap();
}

#[test]
fn without_the_package_of_the_platform_the_launcher_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = folder.path().join("launcher.js");
    std::fs::copy(project().join("npm/refiner-mcp/launcher.js"), &launcher).unwrap();
    let refused = finish(Command::new("node").arg(&launcher), "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--omit=optional"), "{refused:?}");
}
