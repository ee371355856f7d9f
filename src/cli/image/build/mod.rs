//! `glassbox build`: a Dockerfile becomes an image.

mod plain;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;

use super::{Outcome, Problem, rfc3339, store};
use crate::cli::problem::{note, state_directory};
use crate::container::building::Building;
use crate::container::spec;
use crate::image::Reference;
use crate::image::build::{self, Built, Order};
use plain::Plain;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  glassbox build -t web .             what ./Dockerfile says, with files of .
  glassbox build -t web:2 -f web.Dockerfile --build-arg VERSION=2 .
  glassbox build -q - < Dockerfile    no files; writes the number of the image

Instructions: FROM, RUN, COPY, ADD, ENV, ARG, LABEL, WORKDIR, USER, EXPOSE, \
ENTRYPOINT, CMD. A step that has been done is not done again.";

/// The longest Dockerfile that is read.
const LONGEST: u64 = 1 << 20;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The directory with the files to copy; - reads a Dockerfile from standard input
    path: String,
    /// What the image is to be called
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// The Dockerfile, if it is not PATH/Dockerfile; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// The value of an ARG
    #[arg(long, value_name = "NAME=VALUE")]
    build_arg: Vec<String>,
    /// The stage that is wanted, if it is not the last one
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// Do every step anew
    #[arg(long)]
    no_cache: bool,
    /// Print the number of the image, and nothing else
    #[arg(short, long)]
    quiet: bool,
    /// Which network the programs of RUN have
    #[arg(long, visible_alias = "net", value_name = "NETWORK", default_value = "none")]
    network: Network,
}

/// Which network the programs of a build have.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Network {
    /// Its own, with a loopback interface and nothing else
    None,
    /// The host's
    Host,
}

impl From<Network> for spec::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::None => spec::Network::None,
            Network::Host => spec::Network::Host,
        }
    }
}

pub(in crate::cli) fn run(args: &Args) -> Outcome {
    let order = order(args)?;
    // What is made here is for the container's users, too.
    crate::kernel::fs::umask(0o022).map_err(|error| Problem::from(crate::image::Error::from(error)))?;
    let (state, store) = (state_directory()?, store()?);
    let mut building = Building { state: &state, users: store.users(), network: args.network.into() };
    let mut progress = Plain::new(args.quiet);
    let built = build::build(&store, &order, &mut building, &mut progress);
    let Built { image, unused } = built.map_err(|error| {
        progress.fail();
        let code = error.exit_code();
        Problem::from(error).with_code(code)
    })?;
    for name in unused {
        note(&format!("no ARG asks for {name:?} of --build-arg"));
    }
    progress.name(&image.id.to_string(), &order.names);
    if args.quiet {
        writeln!(io::stdout(), "{}", image.id)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn order(args: &Args) -> Result<Order, Problem> {
    let names = args.tag.iter().map(|name| Reference::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let context = if args.path == "-" { None } else { Some(directory(&args.path)?) };
    let (dockerfile, name) = match (args.file.as_deref(), &context) {
        (Some("-"), _) | (None, None) => (standard_input()?, "Dockerfile".to_string()),
        (Some(file), _) => (read(Path::new(file))?, file.to_string()),
        (None, Some(context)) => (read(&context.join("Dockerfile"))?, "Dockerfile".to_string()),
    };
    let ignore = context.as_deref().map(|context| ignore(args, context)).transpose()?.unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(Order {
        dockerfile,
        name,
        context,
        ignore,
        arguments: arguments(args)?,
        target: args.target.clone(),
        no_cache: args.no_cache,
        names,
        now: (rfc3339(now), now as i64),
    })
}

fn directory(path: &str) -> Result<PathBuf, Problem> {
    if path.contains("://") || path.starts_with("git@") {
        let hint = "fetch it first, and name the directory: glassbox build .";
        return Err(Problem::usage(
            format!("{path} is an address, and files are copied from a directory"),
            hint,
        ));
    }
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(path.into()),
        Ok(_) => {
            let hint = format!("glassbox build -f {path} DIRECTORY, if it is a Dockerfile");
            Err(Problem::usage(format!("{path} is no directory"), hint))
        }
        Err(error) => Err(Problem::system(&format!("cannot read {path}"), error)),
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            let hint = "it is in the directory that is named, or name it: glassbox build -f FILE DIRECTORY";
            Problem::gone(format!("there is no {}", path.display()), hint)
        }
        _ => Problem::system(&format!("cannot read {}", path.display()), error),
    };
    text(fs::File::open(path).map_err(cannot)?, &path.display().to_string())
}

fn standard_input() -> Result<String, Problem> {
    if io::stdin().is_terminal() {
        let hint = "use a pipe, or name the directory that it is in: glassbox build .";
        return Err(Problem::usage("standard input is a terminal, and no Dockerfile", hint));
    }
    text(io::stdin().lock(), "standard input")
}

fn text(from: impl Read, name: &str) -> Result<String, Problem> {
    let mut bytes = vec![];
    let read = from.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Problem::system(&format!("cannot read {name}"), error))?;
    let no_dockerfile =
        |why: &str| Problem::gone(format!("{name} {why}"), "name a Dockerfile: glassbox build -f FILE .");
    if bytes.len() as u64 > LONGEST {
        return Err(no_dockerfile("is too long for a Dockerfile"));
    }
    String::from_utf8(bytes).map_err(|_| no_dockerfile("is no text"))
}

/// `FILE.dockerignore` beside the Dockerfile, or `.dockerignore` in the context.
fn ignore(args: &Args, context: &Path) -> Result<String, Problem> {
    let beside = args.file.as_ref().map(|file| PathBuf::from(format!("{file}.dockerignore")));
    for path in beside.into_iter().chain([context.join(".dockerignore")]) {
        match fs::read(&path) {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Problem::system(&format!("cannot read {}", path.display()), error)),
        }
    }
    Ok(String::new())
}

/// Without a value it is ours, if we have it.
fn arguments(args: &Args) -> Result<BTreeMap<String, String>, Problem> {
    let mut arguments = BTreeMap::new();
    for argument in &args.build_arg {
        match argument.split_once('=') {
            Some(("", _)) => {
                let hint = "write it like --build-arg VERSION=2";
                return Err(Problem::usage(format!("{argument:?} has no name"), hint));
            }
            Some((name, value)) => drop(arguments.insert(name.to_string(), value.to_string())),
            None => arguments.extend(std::env::var(argument).ok().map(|value| (argument.clone(), value))),
        }
    }
    Ok(arguments)
}
