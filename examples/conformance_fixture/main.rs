//! Serves what the official conformance suite of the Model Context Protocol asks for:
//! `cargo run --example conformance_fixture -- 127.0.0.1:8978`, and then the suite's
//! `conformance server --url http://127.0.0.1:8978/mcp`.

mod fixture;

use std::net::SocketAddr;

use refiner::http::{self, Options};

use self::fixture::{Changes, Fixture};

#[tokio::main]
#[expect(clippy::print_stderr, reason = "it prints the address at which it listens")]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let bound = http::bind(Options::new(address.parse::<SocketAddr>()?))?;
    eprintln!("listening on {}", bound.url());
    let changes = Changes::default();
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    bound.serve(move || Fixture::new(changes.clone()), interrupted).await?;
    Ok(())
}
