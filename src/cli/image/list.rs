//! `glassbox images`: what there is.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{Outcome, ago, bytes, store};
use crate::image::{Image, Reference};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox images
  glassbox images -q                    numbers only
  glassbox images web                   the tags of one";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// Only images of this name
    name: Option<String>,
    /// Numbers only
    #[arg(short, long)]
    quiet: bool,
    /// Whole numbers
    #[arg(long)]
    no_trunc: bool,
    /// A column of the manifests' digests
    #[arg(long)]
    digests: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let mut images = store()?.images()?;
    // The latest first, as docker lists them.
    images.reverse();
    let wanted = args.name.as_deref().map(Reference::parse).transpose()?;
    let tagged = args
        .name
        .as_deref()
        .is_some_and(|name| name.rsplit('/').next().is_some_and(|last| last.contains(':')));
    let is_wanted = |name: Option<&Reference>| match (&wanted, name) {
        (None, _) => true,
        (Some(wanted), Some(name)) => {
            wanted.repository() == name.repository() && (!tagged || wanted.tag() == name.tag())
        }
        (Some(_), None) => false,
    };
    let mut rows = vec![];
    for image in &images {
        let names: Vec<Option<&Reference>> =
            if image.names.is_empty() { vec![None] } else { image.names.iter().map(Some).collect() };
        rows.extend(names.into_iter().filter(|name| is_wanted(*name)).map(|name| row(image, name, args)));
    }
    let mut out = io::stdout().lock();
    if args.quiet {
        rows.dedup_by(|one, other| one[3] == other[3]);
        rows.iter().try_for_each(|row| writeln!(out, "{}", row[3]))?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"];
    rows.insert(0, header.map(String::from));
    for line in super::columns(&rows, |column| column != 2 || args.digests) {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(image: &Image, name: Option<&Reference>, args: &Args) -> [String; 6] {
    let nothing = || "<none>".to_string();
    let id = if args.no_trunc { image.id.to_string() } else { image.id.short().into() };
    [
        name.map_or_else(nothing, Reference::repository),
        name.map_or_else(nothing, |name| name.tag().into()),
        image.digest().to_string(),
        id,
        ago(image.config.created.as_deref()),
        bytes(image.size()),
    ]
}
