//! `build`: the lines of a Dockerfile, one after the other, become an image.
//!
//! ```text
//! text ─▶ lines ─▶ instructions ─▶ stages ─▶ steps ─▶ layers and configuration ─▶ image
//! ```
//! Each step that changes files makes a layer. The store keeps it under a key made of everything it depends on: the
//! step before, the line with its variables put in, and the content of the files it copies. A step with a key that is
//! there already is not done again.

mod archive;
mod copy;
mod files;
mod filling;
mod ignore;
mod instruction;
mod lines;
mod owner;
mod parse;
mod sources;
mod stages;
mod step;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{Error, Result};
use super::store::{Arrival, Image, Store};
use super::{Execution, Reference};
use stages::Stages;
use step::Builder;

/// What is to be built.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The text of the Dockerfile.
    pub dockerfile: String,
    /// What it is called in what is said of it.
    pub name: String,
    /// The directory that files are copied from.
    pub context: Option<PathBuf>,
    /// The text of its `.dockerignore`.
    pub ignore: String,
    /// Values of `ARG`s.
    pub arguments: BTreeMap<String, String>,
    /// The stage that is wanted, if it is not the last one.
    pub target: Option<String>,
    /// Whether steps that have been done are done again.
    pub no_cache: bool,
    /// What the image is to be called.
    pub names: Vec<Reference>,
    /// Now, as RFC 3339 writes it, and in seconds since 1970.
    pub now: (String, i64),
}

/// What came of it.
#[derive(Debug)]
pub struct Built {
    /// The image.
    pub image: Image,
    /// Arguments that no `ARG` asked for.
    pub unused: Vec<String>,
}

/// A program that a step starts.
#[derive(Debug)]
pub struct Start {
    /// The layers below, the uppermost first.
    pub lower: Vec<PathBuf>,
    /// Where its changes go.
    pub upper: PathBuf,
    /// Overlayfs's own, on the same file system.
    pub work: PathBuf,
    /// An empty directory to mount the root at.
    pub merged: PathBuf,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=VALUE`.
    pub env: Vec<String>,
    /// Where it starts.
    pub cwd: String,
    /// Who it is.
    pub user: String,
}

/// Starts programs in containers.
pub trait Runner {
    /// Run a program to its end, and give away what it writes. Its exit code.
    fn run(&mut self, start: &Start, output: &mut dyn FnMut(&[u8])) -> Result<u8>;
}

/// Is told how the build goes on.
pub trait Progress {
    /// A step begins: `[2/4] RUN make`.
    fn begin(&mut self, title: &str);
    /// Its program has written something.
    fn output(&mut self, bytes: &[u8]);
    /// It has ended; with `cached` it had been done before.
    fn end(&mut self, cached: bool);
}

/// Build an image.
pub fn build(
    store: &Store,
    order: &Order,
    runner: &mut dyn Runner,
    progress: &mut dyn Progress,
) -> Result<Built> {
    let stages = Stages::parse(order)?;
    let mut builder = Builder::new(store, order, &stages, runner, progress);
    let wanted = stages.wanted(order.target.as_deref())?;
    for at in stages.needed(wanted) {
        builder.stage(at)?;
    }
    let draft = builder.take(wanted);
    let unused = order.arguments.keys().filter(|name| !builder.used.contains(*name)).cloned().collect();
    let work = store.work()?;
    let mut arrival = Arrival::new(store, &work);
    let manifest = draft.write(&mut arrival)?;
    let images = arrival.commit(&[(manifest, order.names.clone())])?;
    let image = images.into_iter().next().ok_or_else(|| Error::Unknown("the new one".into()))?;
    Ok(Built { image, unused })
}

/// Change how containers start, by a line as Dockerfiles have it: `CMD ["/bin/sh"]`.
pub fn change(execution: &mut Execution, line: &str) -> Result<()> {
    use instruction::Instruction;
    struct Nothing;
    impl words::Variables for Nothing {
        fn value(&self, _: &str) -> Option<&str> {
            None
        }
    }
    let parsed = Instruction::parse(line.trim(), '\\')?;
    if let Instruction::From { .. } | Instruction::Run(_) | Instruction::Copy(_) | Instruction::Arg(_) =
        parsed
    {
        let hint = "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER and WORKDIR are, as in: -c 'CMD [\"/bin/sh\"]'";
        return Err(fault(format!("{line:?} is no instruction that says how containers start"), hint));
    }
    instruction::apply(execution, parsed.expanded('\\', &Nothing)?);
    Ok(())
}

/// Something is wrong with a Dockerfile.
fn fault(why: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Dockerfile { why: why.into(), hint: hint.into() }
}

/// A path as it looks from a directory inside, without the slash before it.
fn inside(dir: &str, path: &str) -> PathBuf {
    ignore::clean(&Path::new("/").join(dir).join(path))
}
