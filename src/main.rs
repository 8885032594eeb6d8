//! The `refiner` command.

use std::process::ExitCode;

use clap::Parser as _;
use refiner::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::log_to_stderr();
    cli::run(cli)
}
