//! The hosts: where each keeps its configuration, and what an entry looks like there.
//!
//! Everything here comes from the hosts' own documentation and sources, as of November 2026. A new
//! host is a constant and a line in [`HOSTS`].

/// A program that starts MCP servers or connects to them.
#[derive(Debug)]
pub(super) struct Host {
    /// What it is called on the command line.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    pub(super) format: Format,
    pub(super) user: UserFile,
    /// Where a project's own servers are listed, in the project's folder. The first that exists is
    /// taken, else the last. Empty where it knows none.
    pub(super) project: &'static [&'static str],
    /// The keys that lead to its servers. The first that are there are taken, else the last.
    pub(super) sections: &'static [&'static [&'static str]],
    pub(super) command: CommandShape,
    /// How a server is named by its URL; `None` where its file has no such entries.
    pub(super) url: Option<UrlShape>,
    /// Whether it starts the servers of the user's file in the folder of the project, or tells them
    /// that folder.
    pub(super) starts_in_project: bool,
    /// Whether it is started from the desktop, where nobody has read a shell's `PATH`.
    pub(super) desktop: bool,
    /// What has to be done for the change to be seen.
    pub(super) then: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As RFC 8259 has it: its host reads nothing else.
    Json,
    /// With comments and trailing commas.
    JsonWithComments,
    Toml,
}

/// Where the user's own servers are listed: a folder's placeholder, and the way from there. The
/// first that exists is taken, else the last.
#[derive(Debug)]
pub(super) struct UserFile {
    pub(super) linux: &'static [&'static str],
    pub(super) macos: &'static [&'static str],
    pub(super) windows: &'static [&'static str],
    /// A variable that names another folder, and the file in there.
    pub(super) variable: Option<(&'static str, &'static str)>,
}

/// How a command is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum CommandShape {
    /// `command` and `args`.
    Split {
        /// The value of `type`, where the format has it.
        kind: Option<&'static str>,
    },
    /// All of it under `command`.
    Joined {
        /// The value of `type`.
        kind: &'static str,
    },
}

/// How a URL is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct UrlShape {
    pub(super) key: &'static str,
    /// The value of `type`, where the format has it.
    pub(super) kind: Option<&'static str>,
    pub(super) token: TokenShape,
}

/// How a token is named that is kept in a variable of the environment.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenShape {
    /// In the header `Authorization`, with this before and after the variable's name.
    Header(&'static str, &'static str),
    /// In a field of its own.
    Field(&'static str),
    /// Not at all: its file would have to contain the token.
    Unknown,
}

/// All hosts, in the order in which they are listed.
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

/// Takes the same path from everybody's home.
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

/// Tells servers the open folder in `WORKSPACE_FOLDER_PATHS`.
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
    then: "switch it on among Cursor's MCP servers",
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
    then: "run the command \"MCP: List Servers\" and start it",
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

/// Version 2 lists servers one level deeper, reads what version 1 has as well, and so does not
/// mind an entry of that kind. Version 1 would take `servers` for a server.
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
    then: "look for the green dot among the agent panel's MCP servers",
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
    then: "press the refresh button among Cascade's MCP servers",
};

impl Host {
    /// Returns the host of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        HOSTS.iter().find(|host| host.name == name).copied()
    }
}
