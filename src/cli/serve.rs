use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use super::{Context, Failure, token};
use crate::http::{self, Authorize, Bound, Certificate, Options, StartError};
use crate::mcp::{Server, ToolSet, stdio};
use crate::service::{Service, Tokens};

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The tools that hosts see: all, core, pmpo, or comma-separated names
    #[arg(long, value_name = "SET", default_value = "all")]
    tools: ToolSet,
    /// Serve over HTTP on this address, such as 127.0.0.1:8977; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    http: Option<SocketAddr>,
    #[command(flatten)]
    network: Network,
}

/// Options that need an address.
#[derive(Debug, clap::Args)]
struct Network {
    /// Require a token on a loopback address too; other addresses always require one
    #[arg(long, requires = "http")]
    require_token: bool,
    /// Also serve HTTP+SSE of revision 2024-11-05, at /sse
    #[arg(long, requires = "http")]
    sse: bool,
    /// A host name that the server answers for, beside localhost and the address; may be repeated
    #[arg(long, value_name = "HOST", requires = "http")]
    allow_host: Vec<String>,
    /// A web origin whose pages may use the server, such as https://app.example; may be repeated
    #[arg(long, value_name = "ORIGIN", requires = "http")]
    allow_origin: Vec<String>,
    /// The TLS certificate chain, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["http", "tls_key"])]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["http", "tls_cert"])]
    tls_key: Option<PathBuf>,
}

impl Serve {
    /// Returns whether the server has many clients at once.
    pub(super) fn is_for_many(&self) -> bool {
        self.http.is_some()
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let stop = Arc::new(Notify::new());
        tokio::spawn(stop_on_signal(Arc::clone(&stop)));
        let service = context.service.clone();
        match self.http {
            None => {
                service.deliver_in_background();
                Ok(stdio::serve(service, self.tools, stop).await?)
            }
            Some(address) => {
                let in_clear = is_reachable(address) && self.network.tls_cert.is_none();
                let bound = http::bind(self.network.options(address, context)?).map_err(failure)?;
                // Scripts read this line to learn the port.
                context.output.complain(format_args!("listening on {}", bound.url()));
                if in_clear {
                    context.output.say(
                        "warning: without --tls-cert, anyone on the network path can read the tokens",
                    );
                }
                service.deliver_in_background();
                serve(bound, service, self.tools, stop).await
            }
        }
    }
}

impl Network {
    fn options(self, address: SocketAddr, context: &Context) -> Result<Options, Failure> {
        let service = context.service.clone();
        let mut options = Options::new(address);
        let required = self.require_token || is_reachable(address);
        options.authorize = Some(authorize(context.tokens.clone(), required)?);
        options.sse = self.sse;
        options.hosts = self.allow_host;
        options.origins = self.allow_origin;
        let files = self.tls_cert.zip(self.tls_key);
        options.certificate = files.map(|(chain, key)| Certificate { chain, key });
        options.is_ready = Some(Arc::new(move || {
            let service = service.clone();
            Box::pin(async move { service.provider().list(None, 1).await.is_ok() })
        }));
        Ok(options)
    }
}

/// Returns the authorization check: it accepts the user's tokens for this workspace, and requests
/// without a token if none is required.
fn authorize(tokens: Option<Tokens>, required: bool) -> Result<Authorize, Failure> {
    match tokens {
        Some(tokens) => Ok(http::bearers(tokens, required)),
        None if required => Err(token::no_folder()),
        None => Ok(http::anybody()),
    }
}

/// Serves over HTTP until `stop` is notified.
async fn serve(
    bound: Bound,
    service: Service,
    tools: ToolSet,
    stop: Arc<Notify>,
) -> Result<(), Failure> {
    let (ending, ended) = watch::channel(false);
    let server = Server::of_connection(service, tools, ended.clone());
    let handler = move || server.for_connection(ended.clone());
    let stopped = async move {
        stop.notified().await;
        // Ends every question that still waits for a person.
        ending.send_replace(true);
    };
    bound.serve(handler, stopped).await.map_err(|error| Failure::Other(error.into()))
}

fn failure(error: StartError) -> Failure {
    match error {
        StartError::Address(..) => Failure::Other(error.into()),
        StartError::Unprotected(_) | StartError::Certificate(_) => {
            Failure::Usage(error.to_string())
        }
    }
}

/// Returns whether other machines can reach an address.
fn is_reachable(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

/// Parses an address. `localhost` means 127.0.0.1.
fn address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = local.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8977".to_owned())
}

/// Checks a set of tools, and returns it as given.
pub(super) fn checked_tools(given: &str) -> Result<String, String> {
    given.parse::<ToolSet>().map(|_| given.to_owned())
}

/// Notifies `stop` when the process receives a signal to end.
async fn stop_on_signal(stop: Arc<Notify>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.notify_one();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_but_a_loopback_one_can_be_reached() {
        for (given, reachable) in [
            ("127.0.0.1:1", false),
            ("localhost:1", false),
            ("127.8.8.8:1", false),
            ("[::1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.168.0.1:1", true),
            ("[::ffff:192.168.0.1]:1", true),
        ] {
            assert_eq!(is_reachable(address(given).unwrap()), reachable, "{given}");
        }
    }
}
