//! What is left alone, what is kept, and what is said.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::{CASES, Home};

const CURSOR: &str = ".cursor/mcp.json";

#[test]
fn a_file_that_its_host_could_not_read_is_left_alone_and_the_line_is_named() {
    for (host, file, content, said) in [
        ("cursor", CURSOR, "{\n  \"mcpServers\": {\n", "line 2"),
        ("cursor", CURSOR, "{\n  \"a\": 1\n  \"b\": 2\n}\n", "line 2, column 9"),
        ("cursor", CURSOR, "{ 'a': 1 }", "line 1, column 3"),
        ("claude-code", ".claude.json", "{\n  \"a\": 1,\n}\n", "line 2"),
        ("claude-code", ".claude.json", "{\n  // why\n  \"a\": 1\n}\n", "line 2"),
        ("cursor", CURSOR, "[1, 2]", "the whole file is not a table"),
        ("cursor", CURSOR, "{ \"mcpServers\": [] }", "mcpServers is not a table"),
        ("cursor", CURSOR, "{ \"mcpServers\": null }", "mcpServers is not a table"),
        (
            "cursor",
            CURSOR,
            "{ \"mcpServers\": {}, \"mcpServers\": {} }",
            "the key mcpServers occurs twice",
        ),
        (
            "cursor",
            CURSOR,
            "{ \"mcpServers\": { \"refiner\": {}, \"refiner\": {} } }",
            "the key refiner occurs twice",
        ),
        ("codex", ".codex/config.toml", "a = 1\n\nb = [1\nc = 2\n", "line 4"),
        ("codex", ".codex/config.toml", "mcp_servers = 1\n", "mcp_servers is not a table"),
        ("codex", ".codex/config.toml", "[a]\n[a]\n", "line 2"),
    ] {
        let home = Home::new();
        home.put(file, content);
        let before = home.names(".");
        for flag in ["--force", "--print", "--remove"] {
            let refused = home.install(&[host, flag]);
            assert_eq!(refused.code, Some(1), "{content:?}: {refused:?}");
            let told = &refused.stderr;
            assert!(
                told.contains(said) && told.contains("correct the file"),
                "{content:?}: {told}"
            );
        }
        assert_eq!((home.read(file).as_str(), home.names(".")), (content, before));
    }
    let home = Home::new();
    std::fs::write(home.put(CURSOR, ""), b"{ \"a\": \"\xff\" }").unwrap();
    assert!(home.install(&["cursor"]).stderr.contains("not valid UTF-8"));
}

#[test]
fn an_entry_that_says_something_else_is_shown_and_replaced_only_by_force() {
    let theirs = r#"{
  "mcpServers": {
    "refiner": {
      "command": "other", // by hand
      "url": "http://127.0.0.1:1/mcp",
      "env": { "RUST_LOG": "debug" } // keep
    }
  }
}
"#;
    let home = Home::new();
    home.put(CURSOR, theirs);
    let refused = home.install(&["cursor"]);
    assert_eq!(refused.code, Some(1));
    insta::assert_snapshot!(home.steady(&refused.stderr), @r#"
        "mcpServers": {
          "refiner": {
    -       "command": "other", // by hand
    -       "url": "http://127.0.0.1:1/mcp",
    -       "env": { "RUST_LOG": "debug" } // keep
    +       "command": "<refiner>", // by hand
    +       "env": { "RUST_LOG": "debug" }, // keep
    +       "type": "stdio",
    +       "args": ["serve"]
          }
        }
    error: <home>/.cursor/mcp.json already has a different entry `refiner`
    hint: nothing was changed: run the command again with --force to apply the change shown; other fields of the entry stay
    "#);
    assert_eq!((home.read(CURSOR).as_str(), home.names(".cursor").len()), (theirs, 1));
    let told = home.install(&["cursor", "--json"]).json();
    assert_eq!(told["code"], "forbidden", "{told}");

    let replaced = home.install(&["cursor", "--force", "--json"]).json();
    assert_eq!(replaced["outcome"], "replaced", "{replaced}");
    let backup = replaced["backup"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(backup).unwrap(), theirs);
    insta::assert_snapshot!(home.read(CURSOR), @r#"
    {
      "mcpServers": {
        "refiner": {
          "command": "<refiner>", // by hand
          "env": { "RUST_LOG": "debug" }, // keep
          "type": "stdio",
          "args": ["serve"]
        }
      }
    }
    "#);
    assert_eq!(home.install(&["cursor", "--json"]).json()["outcome"], "unchanged");
}

#[test]
fn an_entry_of_toml_that_says_something_else_keeps_what_the_user_wrote_into_it() {
    let home = Home::new();
    let file = ".codex/config.toml";
    home.put(
        file,
        "[mcp_servers.refiner]\ncommand = \"other\" # by hand\nurl = \"http://a/mcp\"\n\
         startup_timeout_sec = 20 # slow disk\n\n[mcp_servers.refiner.env]\nRUST_LOG = \"debug\"\n",
    );
    assert_eq!(home.install(&["codex"]).code, Some(1));
    assert_eq!(home.install(&["codex", "--force"]).code, Some(0));
    insta::assert_snapshot!(home.read(file), @r#"
    [mcp_servers.refiner]
    command = "<refiner>"
    startup_timeout_sec = 20 # slow disk
    args = ["serve"]

    [mcp_servers.refiner.env]
    RUST_LOG = "debug"
    "#);
    assert_eq!(home.install(&["codex", "--json"]).json()["outcome"], "unchanged");
}

#[test]
fn nothing_is_written_when_it_is_only_shown() {
    for case in CASES {
        let home = Home::new();
        home.put(case.file, &case.before());
        let shown = home.install(&[&case.arguments()[..], &["--print", "--json"]].concat());
        let told = shown.json();
        assert_eq!((&told["outcome"], &told["written"]), (&json!("added"), &json!(false)));
        let lines: Vec<&Value> = told["difference"].as_array().unwrap().iter().collect();
        assert!(lines.iter().any(|line| line.as_str().unwrap().starts_with("+ ")), "{lines:?}");
        assert_eq!(home.read(case.file), case.before());
    }
    let home = Home::new();
    let shown = home.install(&["codex", "--print"]);
    insta::assert_snapshot!(home.steady(&shown.stdout), @r#"
    not written: the change of <home>/.codex/config.toml
    + [mcp_servers.refiner]
    + command = "<refiner>"
    + args = ["serve"]
    "#);
    assert!(!home.path().join(".codex").exists(), "not even the folder");
}

#[test]
fn what_was_there_is_kept_beside_it_and_that_is_said() {
    let home = Home::new();
    let path = home.put(CURSOR, "{}\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let added = home.install(&["cursor"]);
    let names = home.names(".cursor");
    let backup = names.iter().find(|name| name.starts_with("mcp.json.refiner-backup-")).unwrap();
    assert_eq!(names.len(), 2, "{names:?}");
    let said = home.steady(&added.stdout).replace(backup.as_str(), "<backup>");
    insta::assert_snapshot!(said, @r#"
    added to Cursor: <home>/.cursor/mcp.json
    - {}
    + {
    +   "mcpServers": {
    +     "refiner": {
    +       "type": "stdio",
    +       "command": "<refiner>",
    +       "args": ["serve"]
    +     }
    +   }
    + }
    before  <home>/.cursor/<backup>
    next    enable refiner in Cursor's list of MCP servers
    "#);
    assert_eq!(home.read(&format!(".cursor/{backup}")), "{}\n");
    for name in ["mcp.json", backup] {
        let mode = std::fs::metadata(home.path().join(".cursor").join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o640, "{name}");
    }
}

#[test]
fn a_dotfile_that_is_a_link_stays_one() {
    let home = Home::new();
    home.put("dotfiles/codex.toml", "model = \"a\"\n");
    std::fs::create_dir(home.path().join(".codex")).unwrap();
    symlink("../dotfiles/codex.toml", home.path().join(".codex/config.toml")).unwrap();
    assert_eq!(home.install(&["codex"]).code, Some(0));
    assert!(home.path().join(".codex/config.toml").is_symlink());
    assert!(home.read("dotfiles/codex.toml").contains("[mcp_servers.refiner]"));
    assert_eq!(home.names("dotfiles"), ["codex.toml"]);
}

#[test]
fn a_read_only_file_a_folder_in_its_place_and_a_folder_that_is_a_file_are_left_alone() {
    let home = Home::new();
    let path = home.put(CURSOR, "{}\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    std::fs::create_dir_all(home.path().join(".codex/config.toml")).unwrap();
    home.put(".gemini", "a file");
    for (host, said) in [
        ("cursor", "mcp.json is not writable"),
        ("codex", "config.toml: it is a folder, not a file"),
        ("gemini-cli", "settings.json: "),
    ] {
        let refused = home.install(&[host]);
        assert_eq!(refused.code, Some(1), "{host}: {refused:?}");
        assert!(refused.stderr.contains(said), "{host}: {refused:?}");
        assert!(refused.stderr.contains("nothing was changed"), "{host}: {refused:?}");
    }
    assert_eq!((home.read(CURSOR).as_str(), home.names(".cursor").len()), ("{}\n", 1));
}

#[test]
fn what_makes_no_sense_is_a_matter_of_usage() {
    let home = Home::new();
    for (arguments, said) in [
        (&["emacs"][..], "claude-code"),
        (&["claude-desktop"], "name the project with --dir FOLDER"),
        (&["vscode"], "write to the project's file with --project"),
        (&["codex", "--dir", "nowhere"], "the folder nowhere does not exist"),
        (&["codex", "--tools", "nothing"], "unknown tool or set"),
        (&["codex", "--http", "127.0.0.1:8977"], "http://127.0.0.1:8977/mcp"),
        (&["codex", "--http", "http://a/", "--token-env", "A}"], "REFINER_TOKEN"),
        (&["codex", "--token-env", "A"], "--http"),
        (&["codex", "--http", "http://a/", "--tools", "core"], "cannot be used with"),
        (&["codex", "--remove", "--force"], "cannot be used with"),
    ] {
        let wrong = home.install(arguments);
        assert_eq!(wrong.code, Some(2), "{arguments:?}: {wrong:?}");
        assert!(wrong.stderr.contains(said), "{arguments:?}: {wrong:?}");
    }
    assert_eq!(home.names("."), ["project"], "nothing was written");
}

#[test]
fn the_program_is_named_as_its_shell_or_its_desktop_finds_it() {
    let home = Home::new();
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_refiner"), bin.join("refiner")).unwrap();
    let command = |host: &str, path: &std::path::Path| {
        let mut command = crate::common::program();
        command.env("HOME", home.path()).env("PATH", path).env_remove("XDG_CONFIG_HOME");
        command.current_dir(home.project()).args(["install", host, "--print", "--json"]);
        let told = crate::common::finish(&mut command, "").json();
        let lines = told["difference"].as_array().unwrap().clone();
        let named = lines.iter().find(|line| line.as_str().unwrap().contains("\"command\": "));
        home.steady(named.unwrap().as_str().unwrap().trim_start_matches(['+', ' ']))
    };
    assert_eq!(command("claude-code", &bin), "\"command\": \"refiner\",");
    assert_eq!(command("cursor", &bin), "\"command\": \"<home>/bin/refiner\",");
    let other = home.put("other/refiner", "#!/bin/sh\n");
    assert_eq!(command("claude-code", other.parent().unwrap()), "\"command\": \"<refiner>\",");
}
