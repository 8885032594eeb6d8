//! What is written for each host.

use serde_json::{Value, json};

use super::{CASES, Home};

const HOSTS: [&str; 9] = [
    "claude-code",
    "claude-desktop",
    "codex",
    "cursor",
    "vscode",
    "gemini-cli",
    "opencode",
    "zed",
    "windsurf",
];

#[test]
fn every_host_gets_its_entry_and_everything_else_stays_as_it_was() {
    for case in CASES {
        let home = Home::new();
        home.put(case.file, &case.before());
        let done = home.install(&case.arguments());
        assert_eq!(done.code, Some(0), "{}: {done:?}", case.name());
        assert_eq!(home.read(case.file), case.after(), "{}", case.name());
    }
    let covered = HOSTS.iter().filter(|host| CASES.iter().any(|case| case.host == **host));
    assert_eq!(covered.count(), HOSTS.len());
}

#[test]
fn a_second_time_there_is_nothing_to_do() {
    for case in CASES {
        let home = Home::new();
        home.put(case.file, &case.before());
        home.install(&case.arguments());
        let names = home.names(".");
        let again = home.install(&[&case.arguments()[..], &["--json"]].concat());
        let told = again.json();
        assert_eq!((again.code, &told["outcome"]), (Some(0), &json!("unchanged")), "{told}");
        assert_eq!((&told["written"], &told["backup"]), (&json!(false), &Value::Null));
        assert_eq!((home.read(case.file), home.names(".")), (case.after(), names));
    }
}

#[test]
fn taking_it_out_again_leaves_the_file_as_somebody_had_it() {
    for case in CASES {
        let home = Home::new();
        home.put(case.file, &case.before());
        home.install(&case.arguments());
        let removed = home.install(&[case.host, "--remove", "--json"]);
        assert_eq!(removed.json()["outcome"], "removed", "{}: {removed:?}", case.name());
        let left = home.read(case.file);
        match case.folder {
            // What was spread over lines stays so, and so does a section that was not there.
            "claude-desktop" | "gemini-cli" => assert!(!left.contains("<refiner>"), "{left}"),
            _ => assert_eq!(left, case.before(), "{}", case.name()),
        }
        let nothing = home.install(&[case.host, "--remove", "--json"]);
        assert_eq!((nothing.code, &nothing.json()["outcome"]), (Some(0), &json!("unchanged")));
    }
}

#[test]
fn lines_that_end_as_on_windows_and_a_byte_order_mark_stay() {
    for case in CASES {
        let home = Home::new();
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        home.put(case.file, &windows(&case.before()));
        let done = home.install(&case.arguments());
        assert_eq!(done.code, Some(0), "{}: {done:?}", case.name());
        // What had one line has no end of a line to go by.
        if case.before().matches('\n').count() > 1 {
            assert_eq!(home.read(case.file), windows(&case.after()), "{}", case.name());
        }
    }
}

/// What each host gets where there was nothing at all.
fn written(arguments: &[&str]) -> String {
    let home = Home::new();
    let done = home.install(&[arguments, &["--json"]].concat());
    assert_eq!(done.code, Some(0), "{done:?}");
    let told = done.json();
    assert_eq!((&told["outcome"], &told["backup"]), (&json!("added"), &Value::Null));
    let file = told["file"].as_str().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
    home.steady(&format!("{file}\n{text}"))
}

#[test]
fn a_file_that_is_not_there_or_empty_is_made() {
    insta::assert_snapshot!(written(&["claude-code"]), @r#"
    <home>/.claude.json
    {
      "mcpServers": {
        "refiner": {
          "type": "stdio",
          "command": "<refiner>",
          "args": ["serve"]
        }
      }
    }
    "#);
    insta::assert_snapshot!(written(&["codex"]), @r#"
    <home>/.codex/config.toml
    [mcp_servers.refiner]
    command = "<refiner>"
    args = ["serve"]
    "#);
    for case in CASES {
        let texts = ["", "\n", "  \n\n"].map(|content| {
            let home = Home::new();
            home.put(case.file, content);
            let done = home.install(&case.arguments());
            assert_eq!(done.code, Some(0), "{}: {done:?}", case.name());
            home.read(case.file).trim().to_owned()
        });
        assert!(texts[0].contains("<refiner>"), "{texts:?}");
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    }
}

#[test]
fn a_project_s_own_file_gets_an_entry_that_goes_where_the_project_goes() {
    for (host, file) in [
        ("claude-code", ".mcp.json"),
        ("codex", ".codex/config.toml"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".vscode/mcp.json"),
        ("gemini-cli", ".gemini/settings.json"),
        ("opencode", "opencode.json"),
        ("zed", ".zed/settings.json"),
    ] {
        let home = Home::new();
        std::fs::create_dir(home.project().join("deep")).unwrap();
        let done = home.install(&[host, "--project", "--tools", "core"]);
        assert_eq!(done.code, Some(0), "{host}: {done:?}");
        let text = home.read(&format!("project/{file}"));
        assert!(text.contains("\"--tools\"") && !text.contains("--dir"), "{host}: {text}");
        assert!(!text.contains("<home>"), "{host}: {text}");
    }
    for host in ["claude-desktop", "windsurf"] {
        let refused = Home::new().install(&[host, "--project"]);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("no configuration file for a single project"),
            "{refused:?}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table, of all hosts")]
fn a_server_that_runs_already_is_named_by_its_url_and_a_token_by_its_variable() {
    let url = "http://127.0.0.1:8977/mcp";
    let entries = HOSTS.map(|host| {
        let home = Home::new();
        let arguments = [host, "--http", url, "--token-env", "REFINER_TOKEN", "--json"];
        let done = home.install(&arguments);
        match done.code {
            Some(0) => {
                let told = done.json();
                let lines = told["difference"].as_array().unwrap().iter();
                let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
                format!("{host}\n{}", lines.join("\n"))
            }
            _ => format!("{host}\n{} {}", done.json()["message"], done.json()["hint"]),
        }
    });
    insta::assert_snapshot!(entries.join("\n"), @r#"
    claude-code
    + {
    +   "mcpServers": {
    +     "refiner": {
    +       "type": "http",
    +       "url": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer ${REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    claude-desktop
    "Claude Desktop cannot connect to a URL from its configuration file" "leave --http out; Claude Desktop then starts its own server"
    codex
    + [mcp_servers.refiner]
    + url = "http://127.0.0.1:8977/mcp"
    + bearer_token_env_var = "REFINER_TOKEN"
    cursor
    + {
    +   "mcpServers": {
    +     "refiner": {
    +       "url": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer ${env:REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    vscode
    + {
    +   "servers": {
    +     "refiner": {
    +       "type": "http",
    +       "url": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer ${env:REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    gemini-cli
    + {
    +   "mcpServers": {
    +     "refiner": {
    +       "httpUrl": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer ${REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    opencode
    + {
    +   "mcp": {
    +     "refiner": {
    +       "type": "remote",
    +       "url": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer {env:REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    zed
    "Zed cannot read a token from its environment" "leave --token-env out and write the token into the entry by hand"
    windsurf
    + {
    +   "mcpServers": {
    +     "refiner": {
    +       "serverUrl": "http://127.0.0.1:8977/mcp",
    +       "headers": {
    +         "Authorization": "Bearer ${env:REFINER_TOKEN}"
    +       }
    +     }
    +   }
    + }
    "#);
    let zed = Home::new().install(&["zed", "--http", url]);
    assert_eq!(zed.code, Some(0), "{zed:?}");
}
