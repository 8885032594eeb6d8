use clap::CommandFactory as _;
use clap_mangen::Man as Page;

use super::output::Output;
use super::{Cli, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The subcommand [default: the page of the whole program]
    subcommand: Option<String>,
}

impl Man {
    /// Prints a page of the manual in the form that `man -l -` reads.
    pub(super) fn run(self, output: Output) -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        let command = match self.subcommand {
            None => command,
            Some(name) => {
                let found = command.find_subcommand(&name).cloned();
                found.ok_or_else(|| Failure::Usage(format!("there is no subcommand {name}")))?
            }
        };
        let mut page = Vec::new();
        Page::new(command).render(&mut page).map_err(anyhow::Error::from)?;
        output.bytes(&page)
    }
}
