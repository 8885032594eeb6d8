//! The play: a host goes half the way, its server is killed, and another host goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;

use super::account::{Account, Files, Kill};
use super::burst::{self, Acknowledged, Audit, Note};
use super::host::{Host, Moment};
use super::record;
use super::report::{Dist, REPORT};
use super::session::{ReportedState, Session};
use super::story::Story;
use crate::cli::output::Output;
use crate::model::Name;
use crate::workspace::layout;

/// When the server is killed: when some work is done and some is not.
const KILL: Moment = Moment { phase: "execute", iteration: 2 };

/// What both halves share: nothing but the artifact's name and the folder.
#[derive(Debug)]
pub(super) struct Play {
    name: Name,
    folder: PathBuf,
    dist: Dist,
    story: Story,
    started: Instant,
}

/// What the audience knows of the first half. The second host does not.
struct FirstHalf {
    /// How the server ended.
    ended: String,
    left_at: ReportedState,
    notes: Vec<Note>,
    acknowledged: Acknowledged,
}

impl Play {
    pub(super) fn new(name: Name, folder: PathBuf, output: Output) -> Self {
        let dist = Dist::new(folder.join(layout::dist(&name)));
        Self { name, folder, dist, story: Story::new(output), started: Instant::now() }
    }

    /// Plays it to its end.
    pub(super) async fn run(&self) -> anyhow::Result<Account> {
        self.story.title(&format!("A report is refined over MCP, in {}", self.folder.display()));
        let first_half = self.first_half().await?;
        let session = self.start().await?;
        let (killed, saves) = self.look(&session, first_half).await?;
        let ended = self.host(&session).drive(None).await?;
        let account = self.close(&session, ended, killed, saves).await?;
        session.end().await?;
        Ok(account)
    }

    fn host<'a>(&'a self, session: &'a Session) -> Host<'a> {
        Host { session, name: &self.name, dist: &self.dist, story: self.story }
    }

    async fn start(&self) -> anyhow::Result<Session> {
        let session = Session::start(&self.folder).await?;
        let told = format!("process {}, MCP {}", session.process_id, session.protocol);
        self.story.note("refiner serve", told);
        Ok(session)
    }

    /// Opens the artifact, goes half the way, and kills the server in the middle of a burst.
    async fn first_half(&self) -> anyhow::Result<FirstHalf> {
        let mut session = self.start().await?;
        let host = self.host(&session);
        host.open().await?;
        self.dist.fill()?;
        let left_at = host.drive(Some(KILL)).await?;
        let notes = burst::notes(&self.dist.report()?);
        let acknowledged = burst::until_killed(&mut session, &self.name, &notes).await?;
        let ended = session.died().await?.to_string();
        let told = format!("{} notes, and in the middle of them {ended}", notes.len());
        self.story.alarm("save_state", told);
        Ok(FirstHalf { ended, left_at, notes, acknowledged })
    }

    /// Asks the next server where the loop is, and what it has of what was acknowledged.
    async fn look(
        &self,
        session: &Session,
        FirstHalf { ended, left_at, notes, acknowledged }: FirstHalf,
    ) -> anyhow::Result<(Kill, Audit)> {
        let now = session.load(&self.name).await?;
        let told =
            format!("{}, iteration {} of {}", now.phase, now.iteration.current, now.iteration.max);
        self.story.step(&json!(now.version), "load_state", format!("the server knows: {told}"));
        let saves = burst::audit(session, &self.name, &notes, &acknowledged).await?;
        let killed = Kill {
            ended,
            phase: left_at.phase,
            iteration: left_at.iteration.current,
            resumed_phase: now.phase,
            resumed_iteration: now.iteration.current,
            resumed_version: now.version,
        };
        Ok((killed, saves))
    }

    /// Finalizes the cycle and reads back what the server kept of it.
    async fn close(
        &self,
        session: &Session,
        ended: ReportedState,
        killed: Kill,
        saves: Audit,
    ) -> anyhow::Result<Account> {
        let arguments = json!({ "name": self.name, "summary": "refined by refiner demo" });
        let answer = session.call("finalize", arguments).await?;
        let archive = answer["archived_to"].as_str().context("finalize names no archive")?;
        self.story.step(&answer["version"], "finalize", format!("{}, archived", ended.status));
        Ok(Account {
            artifact: self.name.to_string(),
            folder: self.folder.display().to_string(),
            protocol: session.protocol.clone(),
            status: ended.status,
            version: answer["version"].as_u64().unwrap_or_default(),
            killed,
            saves,
            record: record::read(session, &self.name).await?,
            files: self.files(archive)?,
            seconds: self.started.elapsed().as_secs_f64(),
        })
    }

    /// Returns where to look. What is named is there.
    fn files(&self, archive: &str) -> anyhow::Result<Files> {
        let dist = Path::new(&layout::dist(&self.name)).to_owned();
        let beside = |file: &str| dist.with_file_name(file);
        let path = |path: PathBuf| {
            let path = self.folder.join(path);
            anyhow::ensure!(path.exists(), "{} is missing", path.display());
            Ok(path.display().to_string())
        };
        Ok(Files {
            report: path(dist.join(REPORT))?,
            decisions: path(beside("decisions.md"))?,
            refinement_log: path(beside("refinement_log.md"))?,
            archive: path(archive.into())?,
        })
    }
}
