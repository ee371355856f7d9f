//! `glassbox book`: build the book, and say where it is.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Subcommand;

use super::Outcome;
use super::problem::Problem;
use crate::book;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(super) struct Args {
    /// Show it in the browser
    #[arg(long)]
    open: bool,
    /// Build it into this directory
    #[arg(long, value_name = "DIR")]
    dest: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// For mdBook: put transcripts, listings, diagrams and questions into the chapters
    #[command(hide = true)]
    Preprocess {
        /// `supports RENDERER`; nothing when the book is on standard input
        question: Vec<String>,
    },
}

pub(super) fn run(args: &Args) -> Outcome {
    if let Some(Part::Preprocess { question }) = &args.part {
        return preprocess(question);
    }
    let source = std::env::current_dir().map_err(anyhow::Error::from).and_then(|here| book::source(&here));
    let source = source.map_err(|error| {
        Problem::failed("cannot build the book", format!("{error:#}"), "run it where glassbox was cloned to")
    })?;
    let page = book::build(&source, args.dest.as_deref()).map_err(|error| {
        Problem::failed("cannot build the book", format!("{error:#}"), "build it elsewhere: --dest DIRECTORY")
    })?;
    writeln!(io::stdout(), "{}", page.display())?;
    if args.open {
        show(&page)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(page: &Path) -> Result<(), Problem> {
    let by_hand = || format!("open it by hand: {}", page.display());
    let ended = Command::new("xdg-open")
        .arg(page)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Problem::failed("cannot start xdg-open", error, by_hand()))?;
    if !ended.success() {
        return Err(Problem::failed("xdg-open cannot show the book", ended, by_hand()));
    }
    Ok(())
}

fn preprocess(question: &[String]) -> Outcome {
    match question {
        [] => book::preprocess(io::stdin().lock(), io::stdout().lock()).map(|()| ExitCode::SUCCESS).map_err(
            |error| {
                let hint = "it is for mdBook to ask for this: glassbox book";
                Problem::failed("cannot preprocess the book", format!("{error:#}"), hint)
            },
        ),
        [word, renderer] if word == "supports" => {
            Ok(if book::supports(renderer) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => Err(Problem::usage("mdBook asks `supports RENDERER`, or nothing", "glassbox book")),
    }
}
