//! The stdio transport: one message per line on standard input and output.
//!
//! Unlike the SDK's transport, it answers every line that can be answered, limits the requests in
//! flight, and ends with its input.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::{RoleServer, ServiceExt as _};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::server::Server;
use super::streams::{self, Reader, Writer};
use super::tool_result;
use super::tools::ToolSet;
use super::wire::{self, Incoming};
use crate::model::limits;
use crate::model::visible::{self, Form};
use crate::service::Service;

/// Limit on requests in flight. Further requests wait in the pipe, and so does their sender.
const IN_FLIGHT_MAX: usize = 512;
/// Limit on answers that wait to be written.
const OUTGOING_MAX: usize = 256;
/// Bytes of a too long line that are searched for the request's id.
const BEGINNING_BYTES: usize = 64 << 10;

/// Serves these tools on standard input and output until the input ends, `stop` is notified, or
/// standard output fails. Accepted requests are finished, and answered if possible.
///
/// Fails if standard output was never open, or if writing fails while the reader exists.
pub async fn serve(service: Service, tools: ToolSet, stop: Arc<Notify>) -> anyhow::Result<()> {
    anyhow::ensure!(
        !streams::is_closed(),
        "standard output is closed, but the host reads answers from it"
    );
    let (reader, writer) = streams::standard();
    serve_streams(service, tools, reader, writer, stop).await
}

async fn serve_streams(
    service: Service,
    tools: ToolSet,
    reader: Reader,
    writer: Writer,
    stop: Arc<Notify>,
) -> anyhow::Result<()> {
    let failure = Failure::default();
    let (transport, input_ended) = Stdio::new(reader, writer, stop, Arc::clone(&failure));
    let server = Server::of_connection(service.clone(), tools, input_ended);
    let ended = match server.serve(transport).await {
        Ok(running) => running.waiting().await.map(drop).map_err(anyhow::Error::from),
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(error.into()),
    };
    service.settle().await;
    let failure = failure.lock().take();
    failure.map_or(ended, |error| Err(anyhow::Error::from(error).context("standard output")))
}

/// Returns the write error, unless the reader is gone.
type Failure = Arc<Mutex<Option<io::Error>>>;

/// Messages, one per line.
struct Stdio {
    input: Lines,
    output: mpsc::Sender<Vec<u8>>,
    writing: Option<JoinHandle<()>>,
    in_flight: Arc<InFlight>,
    /// Answers to lines that are not valid messages.
    answers: VecDeque<Vec<u8>>,
    /// Whether a request has arrived. The SDK ends if a notification comes first.
    greeted: bool,
    stop: Arc<Notify>,
    /// Set when no more messages will arrive, so that no question waits for an answer.
    ended: watch::Sender<bool>,
}

impl Stdio {
    fn new(
        reader: Reader,
        writer: Writer,
        stop: Arc<Notify>,
        failure: Failure,
    ) -> (Self, watch::Receiver<bool>) {
        let (output, outgoing) = mpsc::channel(OUTGOING_MAX);
        let (ended, input_ended) = watch::channel(false);
        let transport = Self {
            input: Lines::new(reader),
            output,
            writing: Some(tokio::spawn(write_until_gone(writer, outgoing, failure))),
            in_flight: Arc::default(),
            answers: VecDeque::new(),
            greeted: false,
            stop,
            ended,
        };
        (transport, input_ended)
    }

    /// Returns the next message, or `None` at the end of the input. Dropping the future loses no
    /// data; the SDK drops it with every answer that it sends.
    async fn next(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            while let Some(answer) = self.answers.front() {
                let permit = self.output.reserve().await.ok()?;
                permit.send(answer.clone());
                self.answers.pop_front();
            }
            self.in_flight.wait_for_room().await;
            match self.input.next().await? {
                Line::Whole(line) => match wire::read(&line) {
                    Incoming::Message(message) if self.admits(&message) => return Some(*message),
                    Incoming::Message(_) | Incoming::Ignored => {}
                    Incoming::Answered(answer) => self.answers.push_back(encoded(&answer)),
                },
                Line::TooLong { beginning, bytes } => {
                    self.answers.push_back(encoded(&wire::too_long(&beginning, bytes)));
                }
            }
        }
    }

    /// Registers a message. Drops notifications before the first request.
    fn admits(&mut self, message: &RxJsonRpcMessage<RoleServer>) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                self.greeted = true;
                self.in_flight.begin(&request.id);
                true
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.in_flight.end(id);
                }
                self.greeted
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => self.greeted,
        }
    }
}

impl Transport<RoleServer> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (output, in_flight) = (self.output.clone(), Arc::clone(&self.in_flight));
        let answered = wire::answered_id(&item).cloned();
        async move {
            let line = tool_result::encoded(&item).map_err(io::Error::other).map(terminated)?;
            // Without a writer the host has left: `receive` ends the server, and `failure` has the reason.
            drop(output.send(line).await);
            if let Some(id) = answered {
                in_flight.end(&id);
            }
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let (stop, output) = (Arc::clone(&self.stop), self.output.clone());
        let message = tokio::select! {
            message = self.next() => message,
            () = stop.notified() => None,
            () = output.closed() => None,
        };
        if message.is_none() {
            self.ended.send_replace(true);
        }
        message
    }

    /// Waits until all answers are written.
    async fn close(&mut self) -> io::Result<()> {
        let (closed, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.output, closed));
        match self.writing.take() {
            Some(writing) => writing.await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// Writes lines until the channel ends or a write fails. Then the channel closes, which ends the
/// server.
async fn write_until_gone(writer: Writer, outgoing: mpsc::Receiver<Vec<u8>>, failure: Failure) {
    let written = tokio::select! {
        written = write_all(writer, outgoing) => written,
        () = streams::reader_gone() => Err(io::ErrorKind::BrokenPipe.into()),
    };
    if let Err(error) = written.or_else(unless_gone) {
        failure.lock().replace(error);
    }
}

/// Returns whether an error means that the host has closed its end.
fn unless_gone(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected => Ok(()),
        _ => Err(error),
    }
}

/// Writes lines in order.
async fn write_all(mut writer: Writer, mut outgoing: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let is_seen = streams::is_seen();
    while let Some(mut line) = outgoing.recv().await {
        if is_seen {
            line = visible::bytes(&line, Form::Json).into_owned();
        }
        writer.write_all(&line).await?;
        if outgoing.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await
}

fn encoded(answer: &Value) -> Vec<u8> {
    terminated(answer.to_string().into_bytes())
}

fn terminated(mut line: Vec<u8>) -> Vec<u8> {
    line.push(b'\n');
    line
}

/// The requests in flight.
#[derive(Debug, Default)]
struct InFlight {
    ids: Mutex<HashSet<RequestId>>,
    ended: Notify,
}

impl InFlight {
    fn begin(&self, id: &RequestId) {
        self.ids().insert(id.clone());
    }

    fn end(&self, id: &RequestId) {
        self.ids().remove(id);
        self.ended.notify_one();
    }

    async fn wait_for_room(&self) {
        while self.ids().len() >= IN_FLIGHT_MAX {
            self.ended.notified().await;
        }
    }

    /// Locks the table for a short section.
    fn ids(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.ids.lock()
    }
}

/// Reads lines of bounded length.
struct Lines {
    reader: BufReader<Reader>,
    line: Vec<u8>,
    /// Dropped bytes of the current line.
    dropped: usize,
}

enum Line {
    Whole(Vec<u8>),
    TooLong { beginning: Vec<u8>, bytes: usize },
}

impl Lines {
    fn new(reader: Reader) -> Self {
        Self { reader: BufReader::with_capacity(64 << 10, reader), line: Vec::new(), dropped: 0 }
    }

    /// Returns the next line, or `None` at the end. An unfinished last line is not a message. If
    /// the future is dropped, the bytes read so far stay.
    async fn next(&mut self) -> Option<Line> {
        loop {
            let available = self.reader.fill_buf().await.ok().filter(|bytes| !bytes.is_empty())?;
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if self.dropped > 0 || self.line.len() + taken > limits::MESSAGE_BYTES_MAX {
                self.dropped += taken;
                self.dropped += self.line.len().saturating_sub(BEGINNING_BYTES);
                self.line.truncate(BEGINNING_BYTES);
            } else {
                self.line.extend_from_slice(&available[..taken]);
            }
            self.reader.consume(taken);
            if newline.is_none() {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            return Some(match std::mem::take(&mut self.dropped) {
                0 => Line::Whole(line),
                dropped => Line::TooLong { bytes: line.len() + dropped, beginning: line },
            });
        }
    }
}
