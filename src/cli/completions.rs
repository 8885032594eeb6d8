use clap::CommandFactory as _;
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell, which reads them when it starts
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints what the shell needs to complete subcommands and options.
    pub(super) fn run(self, output: Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "refiner", &mut script);
        output.bytes(&script)
    }
}
