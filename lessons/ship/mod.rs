//! An image goes from one machine to another: what is sent, what is not, and how damage is noticed.

mod lab;
mod props;

use crate::event::{Source, man};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::files::length;
use crate::stage::{Lesson, Result, Stage};
use props::{
    HERE, Pushed, a_context, a_registry, bytes, glassbox, images, in_here, layer_of, number_of, push,
    write_page,
};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "ship",
    title: "Shipping an image",
    minutes: 10,
    builds_on: &["commit"],
    steps: 4,
    needs: Need::OF_A_CONTAINER,
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    script_and_image(stage)?;
    let second = what_is_missing(stage)?;
    a_damaged_blob(stage, &second)?;
    the_same_image(stage)
}

// ANCHOR: script_and_image
fn script_and_image(stage: &mut Stage) -> Result<()> {
    stage.step("a script, an image, an archive");
    stage.say(
        "An image is built from a script of three lines and a page of text. It is to run on another machine, which has
         neither the script nor tiny, the base. So everything has to be sent. We save it into one file, and compare.",
    );
    stage.backstage(a_context)?;
    let guess = stage.predict(
        "The script has less than 100 bytes. How large is the archive of the image?",
        &["about as large as the script", "as large as its files", "some bytes: it has digests in it"],
    );

    glassbox(stage, "here", &["build", "-q", "-t", "web:1", "context"])?;
    glassbox(stage, "here", &["save", "-o", "web.tar", "web:1"])?;

    let (script, archive) = (length("context/Dockerfile")?, length("web.tar")?.varying());
    let layers = bytes(&format!("{HERE}/layers"))?;
    stage.chart(
        "size",
        "KiB",
        "st_size",
        &[
            ("the script", kib(&script)),
            ("the archive", kib(&archive)),
            ("its files, unpacked", kib(&layers)),
        ],
    );
    let at_least = 1000 * number(&script);
    stage
        .check("the archive is a thousand times as large as the script")
        .expect_at_least(at_least)
        .saw(&archive)?;
    let observed = match number(&archive) {
        size if size > number(&layers) / 10 => "as large as its files",
        size if size > 10 * number(&script) => "some bytes: it has digests in it",
        _ => "about as large as the script",
    };
    stage.reveal(
        guess,
        observed,
        "A script needs what it refers to, and a machine that can build. An archive needs nothing: it has every file of
         every layer. What a script gives depends on the day; an image is what it is.",
    )?;
    stage.why(
        "In the archive is an OCI layout: a directory of blobs, each with its hash as its name, and index.json, where to
         begin. `tar -tf` shows it. Layers are often compressed in it, to a third.",
        &[
            Source {
                name: "OCI image layout".into(),
                url: "https://github.com/opencontainers/image-spec/blob/main/image-layout.md".into(),
            },
            man("tar", 1),
        ],
    );
    stage.try_it(in_here(stage, "ls -l /tmp/web.tar /tmp/context")?, "the archive, the page and the script");
    stage.pause("the image is in a store of its own, in /tmp/here, and in an archive")
}

fn number(reading: &crate::probe::Reading) -> u64 {
    reading.innermost().unwrap_or(0)
}

fn kib(reading: &crate::probe::Reading) -> f64 {
    number(reading) as f64 / 1024.0
}
// ANCHOR_END: script_and_image

// ANCHOR: what_is_missing
fn what_is_missing(stage: &mut Stage) -> Result<Vec<String>> {
    stage.step("only what is missing");
    stage.say(
        "A registry is asked first. Ours is a directory: for each blob of the store we look whether it has one of this
         name, and copy it if not. First version 1, into an empty registry.",
    );
    stage.backstage(a_registry)?;
    let refused = fs::open("registry/index.json").refused();
    stage.check("the registry has no image yet").expect(Errno::ENOENT).saw((refused, "open()"))?;
    let first = stage.backstage(push)?;
    stage.check("every blob was sent").expect(first.all).saw((first.sent.len(), "blobs/sha256"))?;
    stage.say("Then the page is changed, version 2 is built, and sent as well.");
    stage.backstage(|| write_page(2))?;
    glassbox(stage, "here", &["build", "-q", "-t", "web:2", "context"])?;
    let guess = stage.predict(
        "Version 2 has a base of megabytes, and another page. What has to be sent?",
        &["all of it", "its layer with the page", "that layer, and two files of JSON"],
    );

    let Pushed { all, sent, bytes: sent_bytes } = stage.backstage(push)?;

    stage.measure("blobs in the store", all, "blobs/sha256");
    stage.chart(
        "sent",
        "KiB",
        "the sum of st_size",
        &[("version 1", first.bytes as f64 / 1024.0), ("version 2", sent_bytes as f64 / 1024.0)],
    );
    stage.check("three blobs were missing").expect(3usize).saw((sent.len(), "blobs/sha256"))?;
    stage
        .check("together they are less than a hundredth of what version 1 was")
        .expect_at_most(first.bytes / 100)
        .saw(&crate::probe::Reading::new("sent", "blobs/sha256 st_size", sent_bytes.to_string()).varying())?;
    let observed = match sent.len() {
        1 => "its layer with the page",
        3 => "that layer, and two files of JSON",
        _ => "all of it",
    };
    stage.reveal(
        guess,
        observed,
        "The layer with the page, the configuration, which lists the layers, and the manifest, which names them all. The
         base has the name that it had, so it is there, whoever brought it.",
    )?;
    stage.why(
        "`docker push` asks with HTTP: HEAD /v2/NAME/blobs/DIGEST, and sends what is answered by 404. `docker pull` asks its
         own store. So does `docker load`, but its archive has everything in it all the same.",
        &[Source {
            name: "OCI distribution: push".into(),
            url: "https://github.com/opencontainers/distribution-spec/blob/main/spec.md".into(),
        }],
    );
    stage.try_it(in_here(stage, "ls -l /tmp/registry/blobs/sha256")?, "the blobs, by their names and sizes");
    stage.pause("the registry has both versions")?;
    Ok(sent)
}
// ANCHOR_END: what_is_missing

// ANCHOR: a_damaged_blob
fn a_damaged_blob(stage: &mut Stage, second: &[String]) -> Result<()> {
    stage.step("a damaged blob");
    stage.say(
        "On its way a byte gets into the layer with the page: a bad cable, or somebody with intentions. The other machine
         takes the images in. Its store is /tmp/there, and empty.",
    );
    let layer = layer_of(second)?;
    stage.backstage(|| fs::append(&layer, "x"))?;
    let guess = stage.predict(
        "tiny and two versions of web are in the registry, one layer of one is damaged. What is taken in?",
        &["all: it is one byte of many", "the other two", "none of them"],
    );

    let ran = stage.glassbox("there", &["load", "-i", "registry"])?;

    let said = ran.text.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    stage.check("it is refused").expect("exited with 1").saw((ran.ended.to_string(), "wait4()"))?;
    stage.check("because of a digest").saw((said.contains("digest"), "its standard error"))?;
    let there = images(stage, "there")?;
    stage.check("the other machine has no image").expect(0usize).saw((there.len(), "glassbox images"))?;
    let observed = match there.len() {
        0 => "none of them",
        3 => "all: it is one byte of many",
        _ => "the other two",
    };
    stage.reveal(
        guess,
        observed,
        "The name of a blob says what has to be in it, so everybody who has the name can check. The manifest has the names
         of the layers, and has a name itself: from one digest follows every byte of the image. And what is taken in is
         taken in as a whole, or not at all.",
    )?;
    stage.why(
        "A digest says that it is this image, and not who made it. `FROM debian@sha256:…` gets the same today and in ten
         years; a tag can be moved to another image at any time. Who made it is said by signatures, of the digest.",
        &[
            Source {
                name: "OCI descriptors: digests".into(),
                url: "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests".into(),
            },
            man("sha256sum", 1),
        ],
    );
    stage.try_it(
        in_here(stage, "sh -c 'sha256sum /tmp/registry/blobs/sha256/*'")?,
        "one digest is not the name behind it any more",
    );
    stage.pause("the registry has a damaged blob, and the other machine no image")?;
    stage.backstage(|| {
        fs::unlink(&layer)?;
        push().map(drop)
    })
}
// ANCHOR_END: a_damaged_blob

// ANCHOR: the_same_image
fn the_same_image(stage: &mut Stage) -> Result<()> {
    stage.step("the same image");
    stage.say(
        "The blob was sent again. The other machine has never seen the script, and unpacks the layers anew.",
    );
    let guess = stage.predict(
        "Is the number of web:2 on the other machine the one that it has here?",
        &["the same", "another one: it was unpacked there", "another one: it was made at another time"],
    );

    glassbox(stage, "there", &["load", "-i", "registry"])?;

    let (here, there) = (number_of(stage, "here", "web:2")?, number_of(stage, "there", "web:2")?);
    stage
        .side_by_side("web:2", "here", "there")
        .compare(&here, &there, "the digest of its configuration")
        .show();
    stage.check("it is the same image").expect(&here).saw(&there)?;
    let said = glassbox(stage, "there", &["run", "--rm", "web:2"])?;
    stage.output("glassbox run --rm web:2", &said);
    stage.check("it runs there").expect("version 2").saw((said, "its standard output"))?;
    let said = glassbox(stage, "there", &["run", "--rm", "web:1"])?;
    stage.check("and so does the version before").expect("version 1").saw((said, "its standard output"))?;
    stage.reveal(
        guess,
        if here.text == there.text { "the same" } else { "another one: it was unpacked there" },
        "The number is a hash of the configuration, and that has the hashes of the layers. Time and place of unpacking are
         not in it. Two machines that show the same number run the same files.",
    )?;
    stage.why(
        "So a deployment can be told by a digest: every machine has it or gets it, and going back to the version before is
         to name another digest, whose layers are still there.",
        &[Source {
            name: "OCI image configuration".into(),
            url: "https://github.com/opencontainers/image-spec/blob/main/config.md#imageid".into(),
        }],
    );
    stage.try_it(
        in_here(stage, "ls /tmp/there/glassbox/images/layers")?,
        "the layers, unpacked on the other machine",
    );
    stage.pause("the image has arrived")
}
// ANCHOR_END: the_same_image
