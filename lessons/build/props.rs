//! What the lesson uses and is not about.

use crate::kernel::fs;
use crate::kernel::process::{Ended, getpid};
use crate::probe::Reading;
use crate::stage::{Error, Ran, Result, Stage};

/// The build script, and the files beside it.
pub(super) const SCRIPT: &str = "\
FROM tiny
COPY site /srv
RUN ls /srv > /srv/index
ENV GREETING=hello
WORKDIR /srv
CMD [\"cat\", \"index\"]
";

/// The same with a command that fails.
pub(super) const BROKEN: &str = "\
FROM tiny
COPY site /srv
RUN cat /srv/missing
CMD [\"cat\", \"index\"]
";

pub(super) fn a_context() -> Result<()> {
    ["context", "context/site"].iter().try_for_each(fs::mkdir)?;
    fs::create("context/Dockerfile", SCRIPT)?;
    Ok(fs::create("context/site/page", "version 1\n")?)
}

/// Build the image, and show what was said: for each step whether it was done or taken from the cache.
pub(super) fn build(stage: &Stage) -> Result<(Vec<Step>, Reading)> {
    let Ran { ended, text } = stage.glassbox("state", &["build", "-t", "web", "context"])?;
    if ended != Ended::Exited(0) {
        return Err(Error::Lesson(format!("the build {ended}: {text}")));
    }
    let image =
        text.lines().find_map(|line| line.split_once(" image ").map(|(_, id)| id)).unwrap_or_default();
    Ok((steps(&text), Reading::new("the image", "glassbox build", image).varying()))
}

/// A step of a build.
pub(super) struct Step {
    /// The instruction: `COPY site /srv`.
    pub(super) instruction: String,
    /// Whether it was taken from the cache.
    pub(super) cached: bool,
}

impl Step {
    /// For a table.
    pub(super) fn reading(&self) -> Reading {
        let text = if self.cached { "from the cache" } else { "done" };
        Reading::new(self.instruction.clone(), "glassbox build", text)
    }
}

/// `#2 [2/3] COPY site /srv`, and then `#2 CACHED`, or `#2 DONE 0.1s`.
fn steps(text: &str) -> Vec<Step> {
    let begun = text.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix('#')?.split_once(" [")?;
        Some((number, rest.split_once("] ")?.1))
    });
    let cached = |number: &str| text.lines().any(|line| line == format!("#{number} CACHED"));
    begun
        .map(|(number, instruction)| Step { instruction: instruction.into(), cached: cached(number) })
        .collect()
}

/// How many of the steps that make layers were not taken from the cache.
pub(super) fn done(steps: &[Step]) -> Vec<&str> {
    let makes_layers = |step: &&Step| ["COPY", "RUN"].iter().any(|name| step.instruction.starts_with(name));
    let done = steps.iter().filter(makes_layers).filter(|step| !step.cached);
    done.filter_map(|step| step.instruction.split(' ').next()).collect()
}

/// The digests of an image's layers, as its configuration lists them.
pub(super) fn layers(stage: &Stage) -> Result<Vec<String>> {
    let ran = stage.backstage(|| stage.glassbox("state", &["image", "inspect", "web"]))?;
    let listed =
        ran.text.split("\"Layers\"").nth(1).and_then(|text| text.split(']').next()).unwrap_or_default();
    Ok(listed.split('"').filter(|word| word.starts_with("sha256:")).map(String::from).collect())
}

/// A command for another terminal that sees our private /tmp.
pub(super) fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
