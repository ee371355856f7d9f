//! `glassbox tag`, `rmi` and `prune`: names are given and taken away, and images with the last one.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, Problem, bytes, in_use, store};
use crate::cli::keys;
use crate::cli::problem::state_directory;
use crate::container::storage;
use crate::image::Reference;

pub(in crate::cli) const TAG_EXAMPLES: &str =
    "Example:\n  glassbox tag web:latest registry.example/team/web:1.2";

#[derive(clap::Args)]
pub(in crate::cli) struct TagArgs {
    /// The image
    image: String,
    /// Its new name
    #[arg(value_name = "NAME[:TAG]")]
    name: String,
}

pub(in crate::cli) fn tag(args: &TagArgs) -> Outcome {
    let name = Reference::parse(&args.name)?;
    if name.digest().is_some() {
        let hint = "give it a tag: glassbox tag web web:1.2";
        return Err(Problem::usage("a digest is not given, it is what an image has", hint));
    }
    let store = store()?;
    store.tag(&store.image(&args.image)?, &name)?;
    Ok(ExitCode::SUCCESS)
}

pub(in crate::cli) const RMI_EXAMPLES: &str = "\
Examples:
  glassbox rmi web:1.2          this name, and the image if it has no other
  glassbox rmi 4f1c             by the beginning of its number
  glassbox rmi -f 4f1c          all its names";

#[derive(clap::Args)]
pub(in crate::cli) struct RmiArgs {
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Take away all its names, or the name of one that a container needs
    #[arg(short, long)]
    force: bool,
}

pub(in crate::cli) fn rmi(args: &RmiArgs) -> Outcome {
    let store = store()?;
    let mut out = io::stdout().lock();
    let mut code = ExitCode::SUCCESS;
    for given in &args.images {
        match store.remove(given, args.force, in_use) {
            Ok(removed) => {
                removed.untagged.iter().try_for_each(|name| writeln!(out, "Untagged: {name}"))?;
                removed.deleted.iter().try_for_each(|id| writeln!(out, "Deleted: {id}"))?;
            }
            // The others are removed all the same.
            Err(error) => code = Problem::from(error).tell(),
        }
    }
    Ok(code)
}

pub(in crate::cli) const PRUNE_EXAMPLES: &str = "\
Examples:
  glassbox prune                images without a name
  glassbox prune -a -f          every image that no container needs, unasked";

#[derive(clap::Args)]
pub(in crate::cli) struct PruneArgs {
    /// Images with a name, too
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub(in crate::cli) fn prune(args: &PruneArgs) -> Outcome {
    let which = if args.all { "every image that no container needs" } else { "every image without a name" };
    if !args.force {
        if !keys::has_terminal() {
            let hint = "say that you mean it: glassbox prune --force";
            return Err(Problem::usage(
                format!("{which} would be removed, and nobody is there to be asked"),
                hint,
            ));
        }
        let mut out = io::stdout().lock();
        write!(out, "This will remove {which}.\nAre you sure you want to continue? [y/N] ")?;
        out.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let store = store()?;
    let pruned = store.prune(args.all, in_use)?;
    storage::tidy(&state_directory()?, store.users())?;
    let mut out = io::stdout().lock();
    if !pruned.deleted.is_empty() {
        writeln!(out, "Deleted Images:")?;
        pruned.deleted.iter().try_for_each(|id| writeln!(out, "deleted: {id}"))?;
        writeln!(out)?;
    }
    writeln!(out, "Total reclaimed space: {}", bytes(pruned.bytes))?;
    Ok(ExitCode::SUCCESS)
}
