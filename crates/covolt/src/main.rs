//! `covolt`: networked microgrids from the command line.
//!
//! | question | file |
//! |---|---|
//! | what may be asked? | `cli.rs`, `cli/` |
//! | what does each command do? | `commands/`, one file per command |
//! | what does `reproduce` run, in which order? | `study/`, one file per stage |
//! | which case, which row, which days? | `case_argument.rs`, `moment.rs` |
//! | where do results go, and what is read back? | `run_folder.rs`, `dispatch_folder.rs`, `policy_folder.rs` |
//! | how do operator and agents run as processes? | `participants/` |
//! | how are all of them started on one machine? | `cluster/` |
//! | how does the program end? | `exit.rs`, `interrupt.rs` |
//! | how much memory does it take, how often does it ask for some? | `memory.rs`, `allocations.rs` |
//!
//! No formulas here: every number comes from the crates below.

mod allocations;
mod case_argument;
mod cli;
mod cluster;
mod commands;
mod dispatch_folder;
mod exit;
mod feeder_file;
mod interrupt;
mod memory;
mod moment;
mod output;
mod part_folders;
mod participants;
mod perfect_information;
mod policy_folder;
mod progress;
mod run_folder;
mod simulation_run;
mod study;
mod training;
mod training_folder;
mod training_watch;

use clap::Parser;
use cli::Cli;
use exit::CliError;
use output::Output;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if matches!(error, CliError::BadInput(_) | CliError::NoAnswer(_)) {
                // A closed standard error leaves nobody to tell.
                let _ = writeln!(std::io::stderr(), "covolt: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<(), CliError> {
    if let Some(threads) = cli.threads {
        if threads == 0 {
            return Err(CliError::bad_input("--threads 0: at least one thread"));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|e| CliError::bad_input(format!("--threads {threads}: {e}")))?;
    }
    let mut out = Output::new(cli.json);
    let result = commands::run(cli, &mut out);
    // What was written before an error is part of the answer.
    let written = out.finish();
    result.and(written)
}
