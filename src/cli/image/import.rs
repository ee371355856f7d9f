//! `glassbox import`: a root file system becomes an image.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Outcome, Problem, parse_bytes, rfc3339, store, tell};
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
    /// How its containers start: CMD, ENTRYPOINT, ENV, LABEL, USER or WORKDIR, as in a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// How many bytes it may have unpacked
    #[arg(long, value_name = "BYTES", default_value = "64g", value_parser = parse_bytes)]
    limit: u64,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let name = args.name.as_deref().map(Reference::parse).transpose()?;
    let mut execution = Execution::default();
    args.change.iter().try_for_each(|change| apply(&mut execution, change))?;
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

/// A line of a Dockerfile that says how containers start.
fn apply(execution: &mut Execution, change: &str) -> Result<(), Problem> {
    let (instruction, rest) = change.trim().split_once(char::is_whitespace).unwrap_or((change, ""));
    let rest = rest.trim();
    // Either JSON, or words for the shell.
    let command = || {
        let list: Option<Vec<String>> = serde_json::from_str(rest).ok();
        Some(list.unwrap_or_else(|| ["/bin/sh", "-c", rest].map(String::from).into()))
    };
    let pair =
        || rest.split_once('=').map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string()));
    match (instruction.to_uppercase().as_str(), pair()) {
        _ if rest.is_empty() => return Err(unknown(change)),
        ("CMD", _) => execution.cmd = command(),
        ("ENTRYPOINT", _) => execution.entrypoint = command(),
        ("USER", _) => execution.user = rest.into(),
        ("WORKDIR", _) => execution.working_dir = rest.into(),
        ("ENV", Some((name, value))) => execution.env.get_or_insert_default().push(format!("{name}={value}")),
        ("LABEL", Some((name, value))) => drop(execution.labels.get_or_insert_default().insert(name, value)),
        _ => return Err(unknown(change)),
    }
    Ok(())
}

fn unknown(change: &str) -> Problem {
    let hint = "CMD, ENTRYPOINT, ENV, LABEL, USER and WORKDIR are, as in: -c 'CMD [\"/bin/sh\"]'";
    Problem::usage(format!("{change:?} is no instruction that says how containers start"), hint)
}
