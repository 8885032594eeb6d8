//! The story of the demo: one host runs half of the loop, its server is killed, and a second host
//! finishes the loop.

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

/// The moment at which the server is killed: some work is done, some is not.
const KILL: Moment = Moment { phase: "execute", iteration: 2 };

/// What both halves share: only the artifact's name and the folder.
#[derive(Debug)]
pub(super) struct Play {
    name: Name,
    folder: PathBuf,
    dist: Dist,
    story: Story,
    started: Instant,
}

/// Facts about the first half that the report shows. The second host does not know them.
struct FirstHalf {
    /// The exit status of the server.
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

    /// Runs the whole demo.
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

    /// Creates the artifact, runs half of the loop, and kills the server during a burst of saves.
    async fn first_half(&self) -> anyhow::Result<FirstHalf> {
        let mut session = self.start().await?;
        let host = self.host(&session);
        host.open().await?;
        self.dist.fill()?;
        let left_at = host.drive(Some(KILL)).await?;
        let notes = burst::notes(&self.dist.report()?);
        let acknowledged = burst::until_killed(&mut session, &self.name, &notes).await?;
        let ended = session.died().await?.to_string();
        let told = format!("{} notes, interrupted by {ended}", notes.len());
        self.story.alarm("save_state", told);
        Ok(FirstHalf { ended, left_at, notes, acknowledged })
    }

    /// Asks the second server for the loop's phase and for the acknowledged saves.
    async fn look(
        &self,
        session: &Session,
        FirstHalf { ended, left_at, notes, acknowledged }: FirstHalf,
    ) -> anyhow::Result<(Kill, Audit)> {
        let now = session.load(&self.name).await?;
        let told =
            format!("{}, iteration {} of {}", now.phase, now.iteration.current, now.iteration.max);
        self.story.step(&json!(now.version), "load_state", format!("the server resumes at {told}"));
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

    /// Finalizes the cycle and reads its record back from the server.
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

    /// Returns the files that show more. Fails if one is missing.
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
