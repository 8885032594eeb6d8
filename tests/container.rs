//! The container's line of the README, without a container: the program as the Containerfile starts it, as
//! the users that podman and docker make of the one who runs it, over a project's folder of theirs.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::common::{Raw, copy_program, soon};

/// The user who owns the project, where the tests may choose one.
const OWNER: u32 = 1000;

/// What the Containerfile says of how the program is started.
#[derive(Debug)]
struct Image {
    env: BTreeMap<String, String>,
    user: Option<u32>,
    arguments: Vec<String>,
}

impl Image {
    /// Reads the last stage of the Containerfile.
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Containerfile");
        let text = std::fs::read_to_string(path).unwrap();
        let stage = text.rsplit("\nFROM ").next().unwrap();
        let said = |word: &str| {
            let lines = stage.lines().filter_map(|line| line.strip_prefix(word));
            lines.map(|rest| rest.trim().to_owned()).collect::<Vec<_>>()
        };
        let env = said("ENV ").join(" ");
        let env = env.split_whitespace().map(|one| one.split_once('=').unwrap());
        let user = said("USER ").pop().map(|user| user.split(':').next().unwrap().parse().unwrap());
        assert_eq!(said("ENTRYPOINT "), [r#"["/refiner"]"#]);
        Self {
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            user,
            arguments: serde_json::from_str(&said("CMD ")[0]).unwrap(),
        }
    }

    /// Returns the program as the image starts it, as a user, with its two folders somewhere else.
    fn command(&self, place: &Place, user: u32) -> Command {
        let mut command = Command::new("setpriv");
        let user = user.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
        command.arg(place.path("refiner")).args(&self.arguments);
        command.env_clear().current_dir(place.path("project"));
        for (name, value) in &self.env {
            let moved = ["/project", "/user"].into_iter().find(|folder| value == folder);
            let moved = moved.map(|folder| place.path(&folder[1..]));
            command.env(name, moved.as_deref().unwrap_or(Path::new(value)));
        }
        command
    }
}

/// A folder that every user may enter, with the program and the two folders that are mounted.
struct Place(tempfile::TempDir);

impl Place {
    /// Makes a project of a user, and the folder that the image has for what is the user's own.
    fn of(owner: u32) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(place.0.path(), 0o755);
        copy_program(&place.path("refiner"));
        open(&place.path("refiner"), 0o755);
        for (folder, mode) in [("project", 0o755), ("user", 0o777)] {
            std::fs::create_dir(place.path(folder)).unwrap();
            open(&place.path(folder), mode);
        }
        chown(place.path("project"), Some(owner), Some(owner)).unwrap();
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

/// Begins an artifact and saves, with a server that ends in between.
async fn works(image: &Image, place: &Place, user: u32) {
    for (tool, arguments) in [
        ("init_state", json!({ "name": "a", "workflow": "document" })),
        ("save_state", json!({ "name": "a", "patch": { "data": { "x": 1 } } })),
    ] {
        let mut server = Raw::start_command(image.command(place, user));
        server.greet("2025-11-25").await;
        let done = server.call(tool, arguments).await;
        done.unwrap_or_else(|refusal| panic!("{tool} as {user}: {refusal}"));
        assert!(soon("the end", server.end()).await.0.success(), "as {user}");
    }
}

#[tokio::test]
async fn the_container_serves_a_project_for_whoever_runs_it() {
    let image = Image::read();
    let own = rustix::process::geteuid().as_raw();
    let (owner, mut users) = match own {
        // As podman does it, and docker with --user. Without it, docker's container is root.
        0 => (OWNER, vec![OWNER, image.user.unwrap_or(0)]),
        own => (own, vec![own]),
    };
    users.dedup();
    for user in users {
        works(&image, &Place::of(owner), user).await;
    }
    // What one of them began the other goes on with.
    if own == 0 {
        let place = Place::of(OWNER);
        works(&image, &place, OWNER).await;
        let mut server = Raw::start_command(image.command(&place, image.user.unwrap_or(0)));
        server.greet("2025-11-25").await;
        let save = json!({ "name": "a", "patch": { "data": { "x": 2 } } });
        assert_eq!(server.call("save_state", save).await.unwrap()["version"], 3);
    }
}

#[test]
fn the_readme_mounts_the_project_where_the_image_looks_for_it() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let image = Image::read();
    assert_eq!(image.env["REFINER_DIR"], image.env["REFINER_TRUST_OWNER"]);
    let mount = format!("-v \"$PWD:{}\" refiner", image.env["REFINER_DIR"]);
    assert!(readme.contains(&format!("podman run -i --rm {mount}")));
    assert!(readme.contains(&format!("docker run -i --rm --user \"$(id -u):$(id -g)\" {mount}")));
}
