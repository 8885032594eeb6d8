//! MCP over HTTP: both eras of the protocol and the transport before them, every refusal, every limit,
//! and how a server ends.

mod end;
mod eras;
mod fixture;
mod health;
mod limits;
mod program;
mod refusals;
mod sse;
mod tls;
mod wire;
