//! Progress and Ctrl-C on the command line.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Slow, measured};
use crate::common::{command, finish, on_terminal, soon};

/// `refiner verify` in the middle of its first measurement.
async fn verifying(slow: &Slow) -> Child {
    let mut verify = Command::from(command(slow.project.path()));
    verify.args(["verify", "a"]).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = verify.spawn().unwrap();
    slow.begun().await;
    child
}

fn interrupt(child: &Child) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
}

#[tokio::test]
async fn ctrl_c_stops_a_measurement_with_nothing_half_done() {
    let slow = Slow::new();
    let before = slow.project.state("a");
    let mut child = verifying(&slow).await;
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    interrupt(&child);
    let said = soon("a word about it", errors.next_line()).await.unwrap().unwrap();
    assert!(said.starts_with("Stopping"), "{said}");
    slow.go().await;
    let status = soon("the end", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(130));
    let said = errors.next_line().await.unwrap().unwrap();
    assert_eq!(said, "error: the call was cancelled: nothing was written");
    assert!(!slow.second_began());
    assert_eq!(slow.project.state("a"), before);
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let slow = Slow::new();
    let before = slow.project.state("a");
    let mut child = verifying(&slow).await;
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    interrupt(&child);
    soon("a word about it", errors.next_line()).await.unwrap();
    interrupt(&child);
    let status = soon("the end", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(slow.project.state("a"), before);
    // The command that it ran is still there, and may end.
    slow.go().await;
}

#[test]
fn a_terminal_shows_progress_and_takes_it_away_and_nobody_else_sees_it() {
    let project = measured();
    let verify = |options: &[&str]| {
        let mut command = command(project.path());
        command.args(["verify", "a"]).args(options);
        command
    };
    let (ended, screen) = on_terminal(verify(&[]), "");
    assert_eq!(ended, Some(0), "{screen}");
    let (progress, page) =
        screen.split_at(screen.find("CONSTRAINT").expect("the answer is printed"));
    assert!(progress.contains("\r4 of 4: measured three"), "{progress:?}");
    assert!(progress.ends_with('\r') && !page.contains("4 of 4"), "{screen:?}");
    for option in ["--quiet", "--json"] {
        let (_, screen) = on_terminal(verify(&[option]), "");
        assert!(!screen.contains("4 of 4"), "{option}: {screen:?}");
    }
    assert_eq!(finish(&mut verify(&[]), "").stderr, "");
}
