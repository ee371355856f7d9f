//! `glassbox save`: an archive of images for other engines.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use super::{Outcome, Problem, store};
use crate::image::save;
use crate::machine::Attempt;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox save -o web.tar web   an OCI archive, for podman, skopeo, new docker
  glassbox save --format docker web | docker load
  podman load -i web.tar";

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The images
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// The file to write; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What the archive is like
    #[arg(long, default_value = "oci")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// An OCI layout
    #[value(alias = "oci-archive")]
    Oci,
    /// For engines that know no OCI
    #[value(alias = "docker-archive")]
    Docker,
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(Problem::usage(
            "standard output is a terminal, and this is an archive",
            "name a file: -o web.tar",
        ));
    }
    let store = store()?;
    let images = save::choose(&store, &args.images)?;
    let format = match args.format {
        Format::Oci => save::Format::Oci,
        Format::Docker => save::Format::Docker,
    };
    match &args.output {
        None => drop(save::save(&store, &images, format, io::stdout().lock())?),
        // A device or a pipe is written to as it is.
        Some(path) if path.exists() && !path.is_file() => {
            drop(save::save(&store, &images, format, create(path)?)?);
        }
        Some(path) => {
            // What has been there stays until the new one is whole.
            let mut name = path.as_os_str().to_os_string();
            name.push(format!(".new-{}", std::process::id()));
            let new = PathBuf::from(name);
            let written = create(&new).and_then(|file| Ok(save::save(&store, &images, format, file)?));
            let written = written.and_then(|_| {
                std::fs::rename(&new, path).map_err(|error| Problem::system(&cannot_write(path), error))
            });
            written.inspect_err(|_| drop(std::fs::remove_file(&new)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn create(path: &Path) -> Result<impl Write + use<>, Problem> {
    let file =
        File::create(path).map_err(|error| Problem::refused(Attempt::system(cannot_write(path), &error)))?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
