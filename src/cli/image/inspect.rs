//! `glassbox image inspect`: all that is known of images, as JSON with docker's names.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Outcome, Problem, store};
use crate::image::Image;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox image inspect web
  glassbox image inspect web | jq -r '.[0].GraphDriver.Data.LowerDir'

The last one writes the directories of its layers.";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let store = store()?;
    let images = args.images.iter().map(|given| store.image(given)).collect::<Result<Vec<_>, _>>()?;
    let images: Vec<Value> = images.iter().map(describe).collect();
    let json =
        serde_json::to_string_pretty(&images).map_err(|error| Problem::system("cannot write JSON", error))?;
    writeln!(io::stdout(), "{json}")?;
    Ok(ExitCode::SUCCESS)
}

fn describe(image: &Image) -> Value {
    // The uppermost first, as overlayfs wants them.
    let lower: Vec<String> =
        image.layers.iter().rev().map(|layer| layer.path.display().to_string()).collect();
    let names: Vec<String> = image.names.iter().map(ToString::to_string).collect();
    let digests = image.names.iter().map(|name| format!("{}@{}", name.repository(), image.digest()));
    json!({
        "Id": image.id,
        "RepoTags": names,
        "RepoDigests": digests.collect::<Vec<_>>(),
        "Created": image.config.created,
        "Architecture": image.config.architecture,
        "Os": image.config.os,
        "Size": image.size(),
        "GraphDriver": { "Name": "overlay", "Data": { "LowerDir": lower.join(":") } },
        "RootFS": { "Type": "layers", "Layers": image.config.rootfs.diff_ids },
        "Config": image.config.config,
    })
}
