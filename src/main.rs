//! The `refiner` command.

use std::process::ExitCode;

use refiner::cli::{self, Cli, Log};

fn main() -> ExitCode {
    let cli = Cli::read();
    let log = Log::begin();
    let code = cli::run(cli);
    log.finish();
    code
}
