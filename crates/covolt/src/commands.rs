//! What each command means, one file per command.

mod agent;
mod audit;
mod bench;
mod bench_scaling;
mod case;
mod case_binding;
mod case_generate;
mod case_import;
mod case_split;
mod check;
mod cluster;
mod dispatch;
mod evaluate;
mod export;
mod feeder;
mod feeder_state;
mod import_notes;
mod keys;
mod live_dispatch;
mod operator;
mod optimize;
mod powerflow;
mod report;
mod reproduce;
mod simulate;
mod train;

use crate::cli::{Cli, Command};
use crate::exit::CliError;
use crate::output::Output;

/// Runs the command.
pub fn run(cli: &Cli, out: &mut Output) -> Result<(), CliError> {
    match &cli.command {
        Command::Bench(args) if args.scaling => bench_scaling::run(args, out),
        Command::Bench(args) => bench::run(args, out),
        Command::Case(args) => case::run(args, out),
        Command::Operator(args) => operator::run(args, out),
        Command::Agent(args) => agent::run(args, out),
        Command::Cluster(args) => cluster::run(args, cli.threads, out),
        Command::Audit(args) => audit::run(args, out),
        Command::Keys(args) => keys::run(args, out),
        Command::Check(args) => check::run(args, out),
        Command::Powerflow(args) => powerflow::run(args, out),
        Command::Feeder(args) => feeder::run(args, out),
        Command::Export(args) => export::run(args, out),
        Command::Optimize(args) => optimize::run(args, out),
        Command::Evaluate(args) => evaluate::run(args, out),
        Command::Dispatch(args) => dispatch::run(args, out),
        Command::Simulate(args) => simulate::run(args, out),
        Command::Report(args) => report::run(args, out),
        Command::Train(args) => train::run(args, out),
        Command::Reproduce(args) => reproduce::run(args, out),
    }
}
