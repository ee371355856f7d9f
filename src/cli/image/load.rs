//! `glassbox load`: images from archives that others have made.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Outcome, Problem, parse_bytes, store, tell};
use crate::image::load;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox load -i web.tar          an archive of docker, podman or skopeo
  docker save web | glassbox load   the same through a pipe
  glassbox load -i layout/          a directory in OCI layout
  skopeo copy docker://alpine oci-archive:a.tar && glassbox load -i a.tar

Every digest is checked before anything is unpacked. An archive that is damaged \
or leads out of itself is refused, and nothing of it stays.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The archive, or a directory in OCI layout; without it, standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Do not say what was loaded
    #[arg(short, long)]
    quiet: bool,
    /// How many bytes a layer may have unpacked
    #[arg(long, value_name = "BYTES", default_value = "64g", value_parser = parse_bytes)]
    limit: u64,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let loaded = match &args.input {
        Some(path) => load::path(&store()?, path, args.limit)?,
        None if io::stdin().is_terminal() => {
            return Err(Problem::usage(
                "standard input is a terminal, and no archive",
                "name a file: glassbox load -i web.tar",
            ));
        }
        None => load::archive(&store()?, io::stdin().lock(), "", args.limit)?,
    };
    tell(&loaded.left_out);
    let mut out = io::stdout().lock();
    for (image, names) in loaded.images.iter().filter(|_| !args.quiet) {
        if names.is_empty() {
            writeln!(out, "Loaded image ID: {}", image.id)?;
        }
        names.iter().try_for_each(|name| writeln!(out, "Loaded image: {name}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
