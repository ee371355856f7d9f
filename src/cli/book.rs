//! `glassbox book`: build the book, and say where it is.

use super::Outcome;
use super::problem::Problem;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Show it in the browser
    #[arg(long)]
    open: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let _ = args.open;
    Err(Problem::usage("the book is being written", ""))
}
