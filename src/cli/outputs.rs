use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::input::name;
use super::output::table;
use super::write_options::WriteOptions;
use super::{Context, Failure};
use crate::disk::regular;
use crate::model::limits;
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Outputs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the files in an artifact's dist/
    List(List),
    /// Print a file
    Read(Read),
    /// Write a file into it
    Write(Write),
}

#[derive(Debug, clap::Args)]
struct List {
    /// The artifact
    name: String,
}

#[derive(Debug, clap::Args)]
struct Read {
    /// The artifact
    name: String,
    /// The file's path below dist/
    path: String,
}

#[derive(Debug, clap::Args)]
struct Write {
    /// The artifact
    name: String,
    /// The file's new path below dist/
    path: String,
    /// The file to copy [default: standard input]
    file: Option<PathBuf>,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Outputs {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self.command {
            Command::List(list) => list.run(context).await,
            Command::Read(read) => read.run(context).await,
            Command::Write(write) => write.run(context).await,
        }
    }
}

/// Reads one output, or the list of outputs.
fn asked(
    artifact: &str,
    path: Option<String>,
    offset: usize,
) -> Result<service::ReadOutput, Failure> {
    Ok(service::ReadOutput { name: name(artifact)?, path, offset: Some(offset), limit: None })
}

impl List {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut answer = context.service.run(asked(&self.name, None, 0)?, &context.caller).await?;
        while let Some(offset) = answer.next_offset {
            let more =
                context.service.run(asked(&self.name, None, offset)?, &context.caller).await?;
            answer.next_offset = more.next_offset;
            answer.outputs.get_or_insert_default().extend(more.outputs.unwrap_or_default());
        }
        for path in answer.left_out.iter().flatten() {
            context.output.warnings(&[format!("dist/{path} is no output: it is no regular file, or its name is not one that every system has")]);
        }
        context.output.answer(&answer, |page, answer| {
            let files = answer.outputs.iter().flatten();
            let rows: Vec<Vec<String>> =
                files.map(|file| vec![file.path.clone(), file.bytes.to_string()]).collect();
            table(page, &["PATH", "BYTES"], &rows)
        })
    }
}

impl Read {
    /// Prints the content byte for byte. With `--json`, prints the tool's answer with the first
    /// page.
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let first = context
            .service
            .run(asked(&self.name, Some(self.path.clone()), 0)?, &context.caller)
            .await?;
        let mut content = bytes_of(&first)?;
        let mut next = first.next_offset;
        while let Some(offset) = next.filter(|_| !context.output.is_json()) {
            let page = asked(&self.name, Some(self.path.clone()), offset)?;
            let page = context.service.run(page, &context.caller).await?;
            content.extend(bytes_of(&page)?);
            next = page.next_offset;
        }
        context.output.answer(&first, |page, _| page.write_all(&content))
    }
}

fn bytes_of(page: &service::OutputContent) -> Result<Vec<u8>, Failure> {
    match (&page.content, &page.content_base64) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(encoded)) => {
            Ok(BASE64.decode(encoded).context("a page is not valid base64")?)
        }
        (None, None) => Ok(Vec::new()),
    }
}

impl Write {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let content = match &self.file {
            Some(file) => regular::read_named(file, limits::OUTPUT_BYTES_MAX)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?,
            None => standard_input().context("standard input cannot be read")?,
        };
        let arguments = service::WriteOutput {
            name: name(&self.name)?,
            path: self.path,
            content: None,
            content_base64: Some(BASE64.encode(content)),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        context.output.warn(&answer.briefing);
        if !answer.changed {
            context.output.say("The file already has this content.");
        }
        context.output.answer(&answer, |page, answer| {
            writeln!(page, "{}, {} bytes, at version {}", answer.path, answer.bytes, answer.version)
        })
    }
}

fn standard_input() -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::io::stdin().take(limits::OUTPUT_BYTES_MAX as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}
