//! The path of a host's file on this system.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::hosts::Host;

/// The operating systems with different paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    Macos,
    Windows,
}

/// The system that this program was built for. Any other system counts as Linux.
pub(super) const PRESENT: System = if cfg!(windows) {
    System::Windows
} else if cfg!(target_os = "macos") {
    System::Macos
} else {
    System::Linux
};

/// Returns the file in which a host lists the user's servers, or `None` if the environment does not
/// name the folder of the file.
pub(super) fn of_user(
    host: &Host,
    system: System,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.has_root());
    if let Some((name, file)) = host.user.variable
        && let Some(folder) = absolute(name)
    {
        return Some(folder.join(file));
    }
    let home = absolute(if system == System::Windows { "USERPROFILE" } else { "HOME" })?;
    let (candidates, appdata) = match system {
        System::Linux => (host.user.linux, None),
        System::Macos => (host.user.macos, None),
        System::Windows => (host.user.windows, absolute("APPDATA")),
    };
    let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let appdata = appdata.unwrap_or_else(|| home.join("AppData").join("Roaming"));
    let folder = |placeholder: &str| match placeholder {
        "{config}" => config.clone(),
        "{appdata}" => appdata.clone(),
        _ => home.clone(),
    };
    first(candidates.iter().filter_map(|candidate| {
        let (placeholder, way) = candidate.split_once('/')?;
        Some(below(folder(placeholder), way))
    }))
}

/// Returns the file in which a host lists a project's servers, or `None` if the host has none.
pub(super) fn of_project(host: &Host, project: &Path) -> Option<PathBuf> {
    first(host.project.iter().map(|way| below(project.to_owned(), way)))
}

/// Returns the first path that exists, else the last one, which the host itself would create.
fn first(candidates: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let candidates: Vec<PathBuf> = candidates.collect();
    let existing = candidates.iter().find(|path| path.exists()).cloned();
    existing.or_else(|| candidates.last().cloned())
}

fn below(folder: PathBuf, way: &str) -> PathBuf {
    way.split('/').fold(folder, |path, part| path.join(part))
}

#[cfg(test)]
mod tests {
    use super::super::hosts::HOSTS;
    use super::*;

    /// Returns the path of each host's file for a user whose home is `/h`.
    fn places(system: System, set: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| value.into());
        let place = |host: &&Host| {
            let place = of_user(host, system, &variable)?;
            Some(format!("{} {}", host.name, place.to_str()?.replace('\\', "/")))
        };
        HOSTS.iter().filter_map(place).collect()
    }

    #[test]
    fn every_host_has_its_file_on_every_system() {
        let (home, profile) = (("HOME", "/h"), ("USERPROFILE", "/u"));
        insta::assert_snapshot!(places(System::Linux, &[home]).join("\n"), @r"
        claude-code /h/.claude.json
        claude-desktop /h/.config/Claude/claude_desktop_config.json
        codex /h/.codex/config.toml
        cursor /h/.cursor/mcp.json
        vscode /h/.config/Code/User/mcp.json
        gemini-cli /h/.gemini/settings.json
        opencode /h/.config/opencode/opencode.json
        zed /h/.config/zed/settings.json
        windsurf /h/.codeium/windsurf/mcp_config.json
        ");
        insta::assert_snapshot!(places(System::Macos, &[home]).join("\n"), @r"
        claude-code /h/.claude.json
        claude-desktop /h/Library/Application Support/Claude/claude_desktop_config.json
        codex /h/.codex/config.toml
        cursor /h/.cursor/mcp.json
        vscode /h/Library/Application Support/Code/User/mcp.json
        gemini-cli /h/.gemini/settings.json
        opencode /h/.config/opencode/opencode.json
        zed /h/.config/zed/settings.json
        windsurf /h/.codeium/windsurf/mcp_config.json
        ");
        insta::assert_snapshot!(places(System::Windows, &[profile, ("APPDATA", "/a")]).join("\n"), @r"
        claude-code /u/.claude.json
        claude-desktop /a/Claude/claude_desktop_config.json
        codex /u/.codex/config.toml
        cursor /u/.cursor/mcp.json
        vscode /a/Code/User/mcp.json
        gemini-cli /u/.gemini/settings.json
        opencode /u/.config/opencode/opencode.json
        zed /a/Zed/settings.json
        windsurf /u/.codeium/windsurf/mcp_config.json
        ");
    }

    #[test]
    fn variables_that_hosts_know_name_other_folders() {
        let set = [
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "/x"),
            ("CODEX_HOME", "/c"),
            ("CLAUDE_CONFIG_DIR", "/d"),
        ];
        let places = places(System::Linux, &set);
        for place in [
            "claude-code /d/.claude.json",
            "codex /c/config.toml",
            "vscode /x/Code/User/mcp.json",
            "zed /x/zed/settings.json",
        ] {
            assert!(places.iter().any(|one| one == place), "{place}: {places:?}");
        }
        assert!(super::tests::places(System::Linux, &[("HOME", "")]).is_empty(), "no folder");
    }

    #[test]
    fn of_two_names_the_one_that_exists_is_taken() {
        let project = tempfile::tempdir().unwrap();
        let opencode = Host::named("opencode").unwrap();
        let place = || of_project(opencode, project.path()).unwrap();
        assert!(place().ends_with("opencode.json"));
        std::fs::File::create(project.path().join("opencode.jsonc")).unwrap();
        assert!(place().ends_with("opencode.jsonc"));
        assert_eq!(of_project(Host::named("windsurf").unwrap(), project.path()), None);
    }
}
