//! The hosts: the place of each configuration file, and the form of an entry in it.
//!
//! Sources: the hosts' own documentation and code, as of November 2026. To add a host, add a
//! constant and a line in [`HOSTS`].

/// A program that starts MCP servers or connects to them.
#[derive(Debug)]
pub(super) struct Host {
    /// The host's name on the command line.
    pub(super) name: &'static str,
    /// The host's name for people.
    pub(super) title: &'static str,
    pub(super) format: Format,
    pub(super) user: UserFile,
    /// Files in the project's folder that list the project's servers. The first one that exists is
    /// used, else the last one. Empty if the host has no such file.
    pub(super) project: &'static [&'static str],
    /// The keys that lead to the servers. The first ones that exist are used, else the last ones.
    pub(super) sections: &'static [&'static [&'static str]],
    pub(super) command: CommandShape,
    /// The form of an entry with a URL. `None` if the file has no such entries.
    pub(super) url: Option<UrlShape>,
    /// Whether the host starts the servers of the user's file in the project's folder, or passes
    /// that folder to them.
    pub(super) starts_in_project: bool,
    /// Whether the host is started from the desktop, without a shell's `PATH`.
    pub(super) desktop: bool,
    /// What the person does next so that the host sees the change.
    pub(super) then: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Strict JSON (RFC 8259).
    Json,
    /// JSON with comments and trailing commas.
    JsonWithComments,
    Toml,
}

/// The files that list the user's servers: a placeholder for a folder, and a path below it. The
/// first one that exists is used, else the last one.
#[derive(Debug)]
pub(super) struct UserFile {
    pub(super) linux: &'static [&'static str],
    pub(super) macos: &'static [&'static str],
    pub(super) windows: &'static [&'static str],
    /// An environment variable that names another folder, and the file in that folder.
    pub(super) variable: Option<(&'static str, &'static str)>,
}

/// The form of a command.
#[derive(Clone, Copy, Debug)]
pub(super) enum CommandShape {
    /// Separate fields `command` and `args`.
    Split {
        /// The value of `type`, where the format has it.
        kind: Option<&'static str>,
    },
    /// Program and arguments under `command`.
    Joined {
        /// The value of `type`.
        kind: &'static str,
    },
}

/// The form of a URL.
#[derive(Clone, Copy, Debug)]
pub(super) struct UrlShape {
    pub(super) key: &'static str,
    /// The value of `type`, where the format has it.
    pub(super) kind: Option<&'static str>,
    pub(super) token: TokenShape,
}

/// How an entry refers to a token in an environment variable.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenShape {
    /// In the header `Authorization`, with these texts before and after the variable's name.
    Header(&'static str, &'static str),
    /// In a field of its own.
    Field(&'static str),
    /// Not possible: the file would have to contain the token.
    Unknown,
}

/// All hosts, in the order of the help text.
pub(super) static HOSTS: [&Host; 9] = [
    &CLAUDE_CODE,
    &CLAUDE_DESKTOP,
    &CODEX,
    &CURSOR,
    &VSCODE,
    &GEMINI_CLI,
    &OPENCODE,
    &ZED,
    &WINDSURF,
];

/// Returns the same path below the home folder on every system.
const fn in_home(path: &'static [&'static str]) -> UserFile {
    UserFile { linux: path, macos: path, windows: path, variable: None }
}

static CLAUDE_CODE: Host = Host {
    name: "claude-code",
    title: "Claude Code",
    format: Format::Json,
    user: UserFile {
        variable: Some(("CLAUDE_CONFIG_DIR", ".claude.json")),
        ..in_home(&["{home}/.claude.json"])
    },
    project: &[".mcp.json"],
    sections: &[&["mcpServers"]],
    command: CommandShape::Split { kind: Some("stdio") },
    url: Some(UrlShape {
        key: "url",
        kind: Some("http"),
        token: TokenShape::Header("Bearer ${", "}"),
    }),
    starts_in_project: true,
    desktop: false,
    then: "start a new session; /mcp shows it there",
};

static CLAUDE_DESKTOP: Host = Host {
    name: "claude-desktop",
    title: "Claude Desktop",
    format: Format::Json,
    user: UserFile {
        linux: &["{config}/Claude/claude_desktop_config.json"],
        macos: &["{home}/Library/Application Support/Claude/claude_desktop_config.json"],
        windows: &["{appdata}/Claude/claude_desktop_config.json"],
        variable: None,
    },
    project: &[],
    sections: &[&["mcpServers"]],
    command: CommandShape::Split { kind: None },
    url: None,
    starts_in_project: false,
    desktop: true,
    then: "quit Claude Desktop and start it again",
};

static CODEX: Host = Host {
    name: "codex",
    title: "Codex",
    format: Format::Toml,
    user: UserFile {
        variable: Some(("CODEX_HOME", "config.toml")),
        ..in_home(&["{home}/.codex/config.toml"])
    },
    project: &[".codex/config.toml"],
    sections: &[&["mcp_servers"]],
    command: CommandShape::Split { kind: None },
    url: Some(UrlShape {
        key: "url",
        kind: None,
        token: TokenShape::Field("bearer_token_env_var"),
    }),
    starts_in_project: true,
    desktop: false,
    then: "start a new session; /mcp shows it there, and `codex mcp list` here",
};

/// Passes the open folder to servers in `WORKSPACE_FOLDER_PATHS`.
static CURSOR: Host = Host {
    name: "cursor",
    title: "Cursor",
    format: Format::JsonWithComments,
    user: in_home(&["{home}/.cursor/mcp.json"]),
    project: &[".cursor/mcp.json"],
    sections: &[&["mcpServers"]],
    command: CommandShape::Split { kind: Some("stdio") },
    url: Some(UrlShape { key: "url", kind: None, token: TokenShape::Header("Bearer ${env:", "}") }),
    starts_in_project: true,
    desktop: true,
    then: "enable refiner in Cursor's list of MCP servers",
};

/// Starts the servers of the user's file in the home folder.
static VSCODE: Host = Host {
    name: "vscode",
    title: "VS Code",
    format: Format::JsonWithComments,
    user: UserFile {
        linux: &["{config}/Code/User/mcp.json"],
        macos: &["{home}/Library/Application Support/Code/User/mcp.json"],
        windows: &["{appdata}/Code/User/mcp.json"],
        variable: None,
    },
    project: &[".vscode/mcp.json"],
    sections: &[&["servers"]],
    command: CommandShape::Split { kind: Some("stdio") },
    url: Some(UrlShape {
        key: "url",
        kind: Some("http"),
        token: TokenShape::Header("Bearer ${env:", "}"),
    }),
    starts_in_project: false,
    desktop: true,
    then: "run the command \"MCP: List Servers\" and start refiner",
};

static GEMINI_CLI: Host = Host {
    name: "gemini-cli",
    title: "Gemini CLI",
    format: Format::JsonWithComments,
    user: in_home(&["{home}/.gemini/settings.json"]),
    project: &[".gemini/settings.json"],
    sections: &[&["mcpServers"]],
    command: CommandShape::Split { kind: None },
    url: Some(UrlShape { key: "httpUrl", kind: None, token: TokenShape::Header("Bearer ${", "}") }),
    starts_in_project: true,
    desktop: false,
    then: "start a new session; /mcp shows it there",
};

/// Version 2 lists servers one level deeper and also reads the form of version 1, so it accepts
/// such an entry. Version 1 would read `servers` as the name of a server.
static OPENCODE: Host = Host {
    name: "opencode",
    title: "opencode",
    format: Format::JsonWithComments,
    user: UserFile {
        variable: None,
        ..in_home(&["{config}/opencode/opencode.jsonc", "{config}/opencode/opencode.json"])
    },
    project: &["opencode.jsonc", "opencode.json"],
    sections: &[&["mcp", "servers"], &["mcp"]],
    command: CommandShape::Joined { kind: "local" },
    url: Some(UrlShape {
        key: "url",
        kind: Some("remote"),
        token: TokenShape::Header("Bearer {env:", "}"),
    }),
    starts_in_project: true,
    desktop: false,
    then: "start a new session; `opencode mcp list` shows it here",
};

static ZED: Host = Host {
    name: "zed",
    title: "Zed",
    format: Format::JsonWithComments,
    user: UserFile {
        linux: &["{config}/zed/settings.json"],
        macos: &["{home}/.config/zed/settings.json"],
        windows: &["{appdata}/Zed/settings.json"],
        variable: None,
    },
    project: &[".zed/settings.json"],
    sections: &[&["context_servers"]],
    command: CommandShape::Split { kind: None },
    url: Some(UrlShape { key: "url", kind: None, token: TokenShape::Unknown }),
    starts_in_project: true,
    desktop: true,
    then: "check for the green dot in the agent panel's list of MCP servers",
};

static WINDSURF: Host = Host {
    name: "windsurf",
    title: "Windsurf",
    format: Format::Json,
    user: in_home(&["{home}/.codeium/windsurf/mcp_config.json"]),
    project: &[],
    sections: &[&["mcpServers"]],
    command: CommandShape::Split { kind: None },
    url: Some(UrlShape {
        key: "serverUrl",
        kind: None,
        token: TokenShape::Header("Bearer ${env:", "}"),
    }),
    starts_in_project: false,
    desktop: true,
    then: "press the refresh button in Cascade's list of MCP servers",
};

impl Host {
    /// Returns the host of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        HOSTS.iter().find(|host| host.name == name).copied()
    }
}
