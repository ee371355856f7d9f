//! A build: a script becomes an image, a layer for each step that changes files, and no step is done twice.

mod lab;
mod props;

use crate::event::{Source, kernel_doc};
use crate::kernel::fs;
use crate::machine::Need;
use crate::probe::{Reading, file};
use crate::stage::{Lesson, Result, Stage};
use props::{BROKEN, SCRIPT, a_context, build, done, in_here, layers};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "build",
    title: "Building an image",
    minutes: 10,
    builds_on: &["commit"],
    steps: 4,
    needs: Need::OF_A_CONTAINER,
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    let image = a_layer_per_step(stage)?;
    the_cache(stage, &image)?;
    one_file_changed(stage)?;
    a_step_that_fails(stage)
}

// ANCHOR: a_layer_per_step
fn a_layer_per_step(stage: &mut Stage) -> Result<Reading> {
    stage.step("a layer for each change");
    stage.say(
        "What was done by hand and committed nobody can do again. So it is written down: a build script says what an image
         is made from, and each line is one step.",
    );
    stage.backstage(a_context)?;
    stage.output("cat context/Dockerfile", &file("context/Dockerfile")?.text);
    let guess = stage.predict(
        "The image tiny has one layer. How many has the image of this script?",
        &["two: tiny, and the rest", "three", "six: one for each line"],
    );

    let (steps, image) = build(stage)?;

    let mut table = stage.state("the first build");
    for step in &steps {
        table = table.new(&step.reading(), "");
    }
    table.show();
    let count = layers(stage)?.len();
    stage
        .check("COPY and RUN have made a layer each")
        .expect(3usize)
        .saw((count, "glassbox image inspect"))?;
    let observed = match count {
        3 => "three",
        2 => "two: tiny, and the rest",
        _ => "six: one for each line",
    };
    stage.reveal(
        guess,
        observed,
        "A layer is what was changed. COPY and RUN change files. ENV and CMD change the configuration alone, and WORKDIR
         has found its directory there. They are lines in the history, and no layers.",
    )?;
    stage.why(
        "For RUN a container is started from the layers so far, with an empty directory on top; the command runs in it, and
         what is in that directory then is the layer: a commit, for each line.",
        &[
            Source {
                name: "Dockerfile reference".into(),
                url: "https://docs.docker.com/reference/dockerfile/".into(),
            },
            kernel_doc("Overlay Filesystem", "filesystems/overlayfs"),
        ],
    );
    stage.try_it(in_here(stage, "ls /tmp/state/glassbox/images/layers")?, "the layers, unpacked");
    stage.pause("the image web is in a store of its own, in /tmp/state")?;
    Ok(image)
}
// ANCHOR_END: a_layer_per_step

// ANCHOR: the_cache
fn the_cache(stage: &mut Stage, first: &Reading) -> Result<()> {
    stage.step("no step is done twice");
    stage.say("Nothing has changed, and the same build is done again.");
    let guess = stage.predict(
        "Which of COPY and RUN are done again?",
        &["both", "RUN: who knows what it does", "neither of them"],
    );

    let (steps, image) = build(stage)?;

    let again = done(&steps);
    let mut table = stage.state("the second build");
    for step in &steps {
        table = table.new(&step.reading(), "");
    }
    table.show();
    stage.check("COPY and RUN come from the cache").expect("").saw((again.join(" "), "glassbox build"))?;
    stage.check("it is the same image").expect(first).saw(&image)?;
    let observed = match again.as_slice() {
        [] => "neither of them",
        ["RUN"] => "RUN: who knows what it does",
        _ => "both",
    };
    stage.reveal(
        guess,
        observed,
        "A step is known by what it starts from, by its line, and for COPY by the content of the files. If all that is
         equal, the result is taken to be equal. For RUN that is trust: a command that reads the clock, or downloads the
         newest of something, is not asked again.",
    )?;
    stage.why(
        "So `RUN apt-get update` on a line of its own may be months old when the next line installs something. Both belong
         in one RUN, and --no-cache does everything anew.",
        &[Source {
            name: "Docker build cache".into(),
            url: "https://docs.docker.com/build/cache/".into(),
        }],
    );
    stage.try_it(in_here(stage, "cat /tmp/context/Dockerfile")?, "the script");
    stage.pause("the image is what it was")
}
// ANCHOR_END: the_cache

// ANCHOR: one_file_changed
fn one_file_changed(stage: &mut Stage) -> Result<()> {
    stage.step("one file is changed");
    stage.say("Now site/page has another content. The script is what it was.");
    let before = layers(stage)?;
    fs::create("context/site/page", "version 2\n")?;
    let guess = stage
        .predict("Which of COPY and RUN are done anew?", &["COPY", "COPY and RUN", "all, and the base too"]);

    let (steps, _) = build(stage)?;

    let (again, after) = (done(&steps), layers(stage)?);
    let mut table = stage.state("the third build");
    for step in &steps {
        table = table.new(&step.reading(), "");
    }
    table.show();
    stage
        .check("all is done anew from that step on")
        .expect("COPY RUN")
        .saw((again.join(" "), "glassbox build"))?;
    let kept = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
    stage
        .check("the layer of the base is the same")
        .expect_at_least(1)
        .saw((kept, "glassbox image inspect"))?;
    let other = before.get(1) != after.get(1);
    stage.check("that of COPY is another one").saw((other, "glassbox image inspect"))?;
    let observed = match again.as_slice() {
        ["COPY"] => "COPY",
        ["COPY", "RUN"] => "COPY and RUN",
        _ => "all, and the base too",
    };
    stage.reveal(
        guess,
        observed,
        "RUN starts from another layer now, so it is another step, though its line is the same. Whether its result would be
         another one cannot be known before it is done.",
    )?;
    stage.why(
        "So what changes often comes last. A script that copies the list of dependencies, installs them, and copies the
         program after that, installs them once; one that copies everything first does it at each change.",
        &[Source {
            name: "Dockerfile best practices".into(),
            url: "https://docs.docker.com/build/building/best-practices/".into(),
        }],
    );
    stage.try_it(in_here(stage, "grep . /tmp/context/site/page")?, "the file that was changed");
    stage.pause("there are layers of two versions now")
}
// ANCHOR_END: one_file_changed

// ANCHOR: a_step_that_fails
fn a_step_that_fails(stage: &mut Stage) -> Result<()> {
    stage.step("a step that fails");
    stage.say("The script gets a RUN that reads a file which is not there.");
    let before = layers(stage)?;
    fs::create("context/Dockerfile", BROKEN)?;
    let guess = stage.predict(
        "The build ends at its third line. What is called web then?",
        &["the image of before", "what the first two lines have made", "nothing"],
    );

    let ran = stage.glassbox("state", &["build", "-t", "web", "context"])?;

    let errors: Vec<&str> = ran.text.lines().filter(|line| line.starts_with("error: ")).collect();
    stage
        .check("the build fails, as its command does")
        .expect("exited with 1")
        .saw((ran.ended.to_string(), "wait4()"))?;
    let named = errors.iter().any(|line| line.contains("Dockerfile:3"));
    stage.check("it says which line it was").saw((named, "its standard error"))?;
    let after = layers(stage)?;
    stage.check("web is the image of before").saw((before == after, "glassbox image inspect"))?;
    let observed = if before == after { "the image of before" } else { "what the first two lines have made" };
    stage.reveal(
        guess,
        observed,
        "A name is given at the end, in one step. What was made on the way is in the cache, so the next try goes on there,
         and nothing of the half of an image can be run by accident.",
    )?;
    stage.say("We take the line back, and run what it makes.");
    fs::create("context/Dockerfile", SCRIPT)?;
    build(stage)?;
    let ran = stage.glassbox("state", &["run", "--rm", "web"])?;
    stage.output("glassbox run --rm web", &ran.text);
    stage
        .check("the command of the last line lists the files")
        .expect("index page")
        .saw((ran.text.split_whitespace().collect::<Vec<_>>().join(" "), "its standard output"))?;
    stage.why(
        "An image says how to start it: command, environment, directory and user are in its configuration. `docker run`
         takes them from there, and what is said on the command line is put in their place.",
        &[Source {
            name: "OCI image configuration".into(),
            url: "https://github.com/opencontainers/image-spec/blob/main/config.md".into(),
        }],
    );
    stage.try_it(
        in_here(stage, "ls /tmp/state/glassbox/images/blobs/sha256")?,
        "manifests, configurations, layers",
    );
    stage.pause("the image is built, and has been run")
}
// ANCHOR_END: a_step_that_fails
