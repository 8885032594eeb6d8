//! How a host reaches the server: through a command that it runs, or a URL that it connects to.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use axum::http::Uri;

/// The npm package of this program.
const NPM_PACKAGE: &str = "refiner-mcp";
/// The folder of `npx` for fetched packages, which `npx` may delete at any time.
const NPX_FOLDER: &str = "_npx";

/// How a host reaches the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    /// The host runs a command and uses its standard streams.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
    },
    /// The host connects to a URL.
    Url {
        url: String,
        /// The host's environment variable that contains the token.
        token_variable: Option<String>,
    },
}

/// Returns the words of a command that runs this program.
///
/// If `bare` is true and a shell finds this program by name, the command is that name. Else it is
/// the path that a shell would find, which stays valid after an update, or the path of the running
/// program.
pub(super) fn program(bare: bool) -> anyhow::Result<Vec<String>> {
    let running = std::env::current_exe().context("the path of this program is unknown")?;
    if running.components().any(|part| part.as_os_str() == NPX_FOLDER) {
        return Ok(npx().iter().map(|word| (*word).to_owned()).collect());
    }
    let path = match found_by_shell(&running) {
        Some(_) if bare => return Ok(vec!["refiner".to_owned()]),
        found => found.unwrap_or(running),
    };
    let path = path.to_str().context("the path of this program is not valid Unicode")?;
    Ok(vec![path.to_owned()])
}

/// Returns the command that runs the package through `npx`, because `npx` may delete the running
/// program.
fn npx() -> &'static [&'static str] {
    if cfg!(windows) {
        &["cmd", "/c", "npx", "--yes", NPM_PACKAGE]
    } else {
        &["npx", "--yes", NPM_PACKAGE]
    }
}

/// Returns the path by which a shell finds this program, or `None` if it finds another program.
fn found_by_shell(running: &Path) -> Option<PathBuf> {
    let name = format!("refiner{}", std::env::consts::EXE_SUFFIX);
    let folders = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&folders).map(|folder| folder.join(&name));
    let found = found.filter(|path| path.is_absolute()).find(|path| path.is_file())?;
    let is_same = found.canonicalize().ok()? == running.canonicalize().ok()?;
    is_same.then_some(found)
}

/// Checks the URL of a server.
pub(super) fn checked_url(given: &str) -> Result<String, String> {
    let uri: Uri = given.parse().map_err(|error| format!("{error}"))?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if is_http && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(given.to_owned())
    } else {
        Err("expected a URL such as http://127.0.0.1:8977/mcp".to_owned())
    }
}

/// Checks the name of a variable, which the host's template will contain.
pub(super) fn checked_variable(given: &str) -> Result<String, String> {
    let begins_well = given.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && given.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(given.to_owned())
    } else {
        Err("expected a name such as REFINER_TOKEN".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_http_and_names_of_variables_are_taken() {
        for good in
            ["http://127.0.0.1:8977/mcp", "https://refiner.example.org/mcp", "http://[::1]/"]
        {
            assert_eq!(checked_url(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "127.0.0.1:8977", "/mcp", "ftp://a/mcp", "http://", "http://a b/", "file:///a"]
        {
            assert!(checked_url(bad).is_err(), "{bad}");
        }
        assert!(checked_variable("_A1").is_ok());
        for bad in ["", "1A", "A-B", "A}", "$A", "É"] {
            assert!(checked_variable(bad).is_err(), "{bad}");
        }
    }
}
