//! `glassbox import`: a root file system becomes an image.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Outcome, Problem, parse_bytes, rfc3339, store, tell};
use crate::image::build;
use crate::image::import::{self, About};
use crate::image::{Execution, Reference};
use crate::machine::Attempt;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  mmdebstrap bookworm - | glassbox import - debian:mine
  glassbox import -m 'from the old server' root.tar.gz old:1
  glassbox import -c 'CMD [\"/bin/sh\"]' -c 'ENV LANG=C.UTF-8' root.tar web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The archive, compressed or not; - is standard input
    file: String,
    /// What the image is to be called
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
    /// What is to be known of it
    #[arg(short, long)]
    message: Option<String>,
    /// How its containers start: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER or WORKDIR, as in a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// How many bytes it may have unpacked
    #[arg(long, value_name = "BYTES", default_value = "64g", value_parser = parse_bytes)]
    limit: u64,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let name = args.name.as_deref().map(Reference::parse).transpose()?;
    let mut execution = Execution::default();
    changed(&mut execution, &args.change)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (created, comment) = (Some(rfc3339(now)), args.message.clone());
    let from = if args.file == "-" { "standard input" } else { &args.file };
    let created_by = Some(format!("imported from {from}"));
    let about = About { name, execution, created, comment, created_by };
    let (image, left_out) = if args.file == "-" {
        if io::stdin().is_terminal() {
            return Err(Problem::usage(
                "standard input is a terminal, and no archive",
                "name a file, or use a pipe",
            ));
        }
        import::archive(&store()?, io::stdin().lock(), about, args.limit)?
    } else {
        let cannot = |error| Problem::refused(Attempt::system(format!("cannot read {}", args.file), &error));
        let file = File::open(Path::new(&args.file)).map_err(cannot)?;
        import::archive(&store()?, file, about, args.limit)?
    };
    tell(&left_out);
    writeln!(io::stdout(), "{}", image.id)?;
    Ok(ExitCode::SUCCESS)
}

/// Lines of a Dockerfile that say how containers start. A wrong one was asked for in the wrong way.
pub(in crate::cli) fn changed(execution: &mut Execution, changes: &[String]) -> Result<(), Problem> {
    let change =
        |line: &String| build::change(execution, line).map_err(|error| Problem::from(error).with_code(2));
    changes.iter().try_for_each(change)
}
