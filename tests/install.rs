//! `refiner install`: what becomes of the files of hosts, which belong to other programs and to
//! people.

mod hosts;
mod safety;

use std::path::{Path, PathBuf};

use crate::common::{Finished, finish, program};

/// Somebody's home, with a project in it.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(home.project().join(".git")).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn project(&self) -> PathBuf {
        self.path().join("project")
    }

    /// Runs `refiner install` in the project.
    fn install(&self, arguments: &[&str]) -> Finished {
        let mut command = program();
        for name in ["XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path()).env("PATH", "/usr/bin:/bin");
        command.current_dir(self.project()).arg("install").args(arguments);
        finish(&mut command, "")
    }

    /// Puts a file below the home.
    fn put(&self, path: &str, content: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Returns a file's content, with `<refiner>` and `<home>` for what is another in every run.
    fn read(&self, path: &str) -> String {
        self.steady(&std::fs::read_to_string(self.path().join(path)).unwrap())
    }

    fn steady(&self, text: &str) -> String {
        let text = text.replace(env!("CARGO_BIN_EXE_refiner"), "<refiner>");
        text.replace(self.path().to_str().unwrap(), "<home>")
    }

    /// Returns the names of the files in a folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// A file of a host as somebody has it, and as it is afterwards: `before` and `after` in a folder of
/// `tests/data/hosts`.
struct Case {
    host: &'static str,
    /// Where it is below the home.
    file: &'static str,
    folder: &'static str,
}

/// All hosts, and some of them twice.
const CASES: [Case; 11] = [
    Case { host: "claude-code", file: ".claude.json", folder: "claude-code" },
    Case {
        host: "claude-desktop",
        file: ".config/Claude/claude_desktop_config.json",
        folder: "claude-desktop",
    },
    Case { host: "codex", file: ".codex/config.toml", folder: "codex" },
    Case { host: "codex", file: ".codex/config.toml", folder: "codex-inline" },
    Case { host: "cursor", file: ".cursor/mcp.json", folder: "cursor" },
    Case { host: "vscode", file: ".config/Code/User/mcp.json", folder: "vscode" },
    Case { host: "gemini-cli", file: ".gemini/settings.json", folder: "gemini-cli" },
    Case { host: "opencode", file: ".config/opencode/opencode.jsonc", folder: "opencode" },
    Case { host: "opencode", file: ".config/opencode/opencode.json", folder: "opencode-2" },
    Case { host: "zed", file: ".config/zed/settings.json", folder: "zed" },
    Case { host: "windsurf", file: ".codeium/windsurf/mcp_config.json", folder: "windsurf" },
];

impl Case {
    fn before(&self) -> String {
        self.text("before")
    }

    fn after(&self) -> String {
        self.text("after")
    }

    fn text(&self, name: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hosts");
        let (_, extension) = self.file.rsplit_once('.').unwrap();
        std::fs::read_to_string(folder.join(self.folder).join(format!("{name}.{extension}")))
            .unwrap()
    }

    /// Returns the command line for the host: some have to be told a folder.
    fn arguments(&self) -> Vec<&'static str> {
        match self.host {
            "claude-desktop" | "vscode" | "windsurf" => vec![self.host, "--dir", "."],
            host => vec![host],
        }
    }

    fn name(&self) -> String {
        format!("{} {}", self.host, self.file)
    }
}
