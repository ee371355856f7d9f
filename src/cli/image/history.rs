//! `glassbox history`: what an image came from, step by step.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, ago, bytes, columns, printable, store};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox history web
  glassbox history --no-trunc web       whole commands";

/// How much of a command is shown.
const SHORT: usize = 45;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The image
    image: String,
    /// Whole commands and numbers
    #[arg(long)]
    no_trunc: bool,
    /// Numbers only
    #[arg(short, long)]
    quiet: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let image = store()?.image(&args.image)?;
    let id = if args.no_trunc { image.id.to_string() } else { image.id.short().into() };
    let mut layers = image.layers.iter();
    let mut rows: Vec<[String; 5]> = vec![];
    for step in &image.config.history {
        let size = if step.empty_layer { 0 } else { layers.next().map_or(0, |layer| layer.size) };
        let command = printable(step.created_by.as_deref().unwrap_or_default());
        let is_long = command.chars().count() > SHORT && !args.no_trunc;
        let command =
            if is_long { command.chars().take(SHORT - 1).chain(['…']).collect() } else { command };
        let comment = printable(step.comment.as_deref().unwrap_or_default());
        rows.push(["<missing>".into(), ago(step.created.as_deref()), command, bytes(size), comment]);
    }
    // Layers that nobody wrote down anything of.
    rows.extend(
        layers
            .map(|layer| ["<missing>".into(), "N/A".into(), String::new(), bytes(layer.size), String::new()]),
    );
    rows.reverse();
    // Only the last step is an image of its own.
    match rows.first_mut() {
        Some(first) => first[0] = id,
        None => rows.push([id, "N/A".into(), String::new(), bytes(0), String::new()]),
    }
    let mut out = io::stdout().lock();
    if args.quiet {
        rows.iter().try_for_each(|row| writeln!(out, "{}", row[0]))?;
        return Ok(ExitCode::SUCCESS);
    }
    rows.insert(0, ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"].map(String::from));
    columns(&rows, |_| true).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(ExitCode::SUCCESS)
}
