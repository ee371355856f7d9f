//! `glassbox diff` and `commit`: what a container has changed in the files of its image, and an image of that.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Outcome, records};
use crate::cli::image::time::rfc3339;
use crate::cli::image::{changed, store};
use crate::container::storage;
use crate::image::Reference;
use crate::image::commit::About;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox diff web             A is new, C was changed, D is gone";

pub(in crate::cli) const COMMIT_EXAMPLES: &str = "\
Examples:
  glassbox commit web web:2
  glassbox commit -m 'with a motd' -c 'CMD [\"/bin/sh\"]' web team/web";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The container
    container: String,
}

pub(in crate::cli) fn diff(args: &Args) -> Outcome {
    let (records, store) = (records()?, store()?);
    let container = records.find(&args.container)?;
    let mut out = io::stdout().lock();
    let changes = storage::changes(&records, &store, &container)?;
    changes.iter().try_for_each(|change| writeln!(out, "{change}"))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(clap::Args)]
pub(in crate::cli) struct CommitArgs {
    /// The container
    container: String,
    /// What the image is to be called
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
    /// Who made it
    #[arg(short, long)]
    author: Option<String>,
    /// What is to be known of it
    #[arg(short, long)]
    message: Option<String>,
    /// How its containers start: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER or WORKDIR, as in a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Whether a container that runs stands still meanwhile
    #[arg(short, long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pause: bool,
}

pub(in crate::cli) fn commit(args: &CommitArgs) -> Outcome {
    let name = args.name.as_deref().map(Reference::parse).transpose()?;
    let (records, store) = (records()?, store()?);
    let container = records.find(&args.container)?;
    let process = &container.created.spec.process;
    let mut execution = storage::image(&store, &container)?.config.config;
    // Docker keeps what the container was told at its start.
    execution.env = Some(process.env.clone()).filter(|env| !env.is_empty());
    execution.working_dir.clone_from(&process.cwd);
    execution.user.clone_from(&process.user);
    changed(&mut execution, &args.change)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let about = About {
        name,
        execution,
        created: Some(rfc3339(now)),
        author: args.author.clone(),
        comment: args.message.clone(),
        created_by: Some(process.args.join(" ")),
    };
    let image = storage::commit(&records, &store, &container, about, args.pause)?;
    writeln!(io::stdout(), "{}", image.id)?;
    Ok(ExitCode::SUCCESS)
}
