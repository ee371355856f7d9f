//! An image: a base, and layers of changes above it.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::layers::{files, inode, tree};
use crate::stage::{Lesson, Result, Stage};
use props::{KIB, a_base, build, bytes, difference, hidden, in_here, kib, lowerdir, origin};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "layers",
    title: "Layers of an image",
    minutes: 9,
    builds_on: &["copy-up"],
    steps: 4,
    needs: &[Need::Overlay],
    run,
    lab: lab::LAB,
};

/// The layers of the first image, and of the second, the topmost first.
const ONE: [&str; 3] = ["app", "runtime", "base"];
const TWO: [&str; 3] = ["other", "runtime", "base"];
/// How large the programs of the topmost layers are, in KiB.
const PROGRAM: usize = 64;

fn run(stage: &mut Stage) -> Result<()> {
    what_was_changed(stage)?;
    where_from(stage)?;
    one_base(stage)?;
    removed(stage)
}

// ANCHOR: what_was_changed
fn what_was_changed(stage: &mut Stage) -> Result<()> {
    stage.step("a layer is what was changed");
    stage.say(
        "An image begins with a base: a directory with the files of a distribution. Ours has four. Every further layer
         is made above those that there are: an overlay is mounted with an empty upper directory, something is done in
         it, and what is in the upper directory afterwards is the new layer. First the layer `runtime`.",
    );
    stage.backstage(a_base)?;
    build("runtime", &["base"], || {
        stage.backstage(|| fs::create_filled("merged/lib/python", 1024 * KIB))?;
        Ok(fs::append("merged/etc/release", "with python\n")?)
    })?;
    stage
        .check("it holds the new file, and the changed one")
        .expect("etc/release  lib/python")
        .saw(&files("layers/runtime")?)?;
    stage.say(
        "Then `app`: a program is installed, a file is deleted, and bin/sh becomes executable, by a chmod.",
    );
    let guess = stage.predict(
        "A file was added, one was deleted, one got another mode. What is in the layer?",
        &["the new file", "the new file, and a mark", "the new file, a mark, and all of bin/sh"],
    );

    build("app", &["runtime", "base"], || {
        fs::mkdir("merged/srv")?;
        stage.backstage(|| fs::create_filled("merged/srv/app", PROGRAM * KIB))?;
        fs::unlink("merged/etc/motd")?;
        Ok(fs::chmod("merged/bin/sh", 0o755)?)
    })?;

    let app = files("layers/app")?;
    stage
        .state("layers")
        .new(&files("layers/base")?, "made of nothing")
        .new(&files("layers/runtime")?, "changes to base")
        .new(&app, "changes to both")
        .show();
    stage.check("app holds three things").expect("bin/sh  etc/motd (whiteout)  srv/app").saw(&app)?;
    stage.check("base still has what app deleted").expect("welcome").saw(&file("layers/base/etc/motd")?)?;
    let (mark, copy) = (app.text.contains("motd"), app.text.contains("bin/sh"));
    let observed = match (mark, copy) {
        (_, true) => "the new file, a mark, and all of bin/sh",
        (true, false) => "the new file, and a mark",
        (false, false) => "the new file",
    };
    stage.reveal(
        guess,
        observed,
        "A layer is not a list of commands but what they left behind, in whole files. The order counts, too: app was
         made above runtime and base, and its mark means nothing without the file that it hides.",
    )?;
    stage.why(
        "That is what each line of a Dockerfile does that changes files. The layer is then packed as a tar archive, and
         the hash of the archive is its name.",
        &[
            kernel_doc("Overlay Filesystem: multiple lower layers", "filesystems/overlayfs"),
            crate::event::Source {
                name: "OCI image layer".into(),
                url: "https://github.com/opencontainers/image-spec/blob/main/layer.md".into(),
            },
        ],
    );
    stage.try_it(in_here(stage, "find /tmp/layers -type f -o -type c")?, "everything that the layers hold");
    stage.pause("three layers are there, and nothing is mounted")
}
// ANCHOR_END: what_was_changed

// ANCHOR: where_from
fn where_from(stage: &mut Stage) -> Result<()> {
    stage.step("for every file, its layer");
    stage.say("The image is the three layers, one above the other. First we try to write to it.");
    stage.backstage(|| fs::mkdir("one"))?;
    mount("overlay", "one", "overlay", Flags::empty(), &lowerdir(&ONE))?;
    let refused = fs::append("one/etc/release", "with a change\n").refused();
    stage
        .check("an image has no layer to write to")
        .expect(Errno::EROFS)
        .saw((refused, "open(), for writing"))?;
    stage.say(
        "To be read it is there. An overlay shows for each file the number that it has in its layer, so we can tell
         for every file of the image where it is from.",
    );
    let guess = stage.predict(
        "base has made bin/sh, app has only changed its mode. Which layer does its content come from?",
        &["base", "app", "the mode from app, the content from base"],
    );
    let paths = tree("one")?;
    let mut table = stage.state("the image, file by file");
    for path in &paths {
        let from = origin("one", path, &ONE)?;
        let note = hidden(path, &from.text, &ONE)
            .map_or("nowhere else".into(), |layer| format!("hides that of {layer}"));
        table = table.new(&from, &note);
    }
    table.show();
    stage
        .check("these are its files")
        .expect("bin/sh  etc/release  lib/libc  lib/python  srv/app")
        .saw(&files("one")?)?;
    let expected = ["app", "runtime", "base", "runtime", "app"];
    for (path, layer) in paths.iter().zip(expected) {
        let claim = format!("{path} is the one of {layer}");
        stage.check(claim).expect(layer).saw(&origin("one", path, &ONE)?)?;
    }
    let from = origin("one", "bin/sh", &ONE)?;
    stage.reveal(
        guess,
        &from.text,
        "A name is looked up from the top to the bottom, and the first layer that has it gives the whole file, content
         and mode. The sh of base is in the image's bytes all the same, and nobody will ever see it.",
    )?;
    stage.why(
        "So an image can only grow. To squash it means to copy what is seen into one new layer: it becomes smaller, and
         shares nothing with others any more.",
        &[kernel_doc("Overlay Filesystem: inode properties", "filesystems/overlayfs"), man("stat", 2)],
    );
    stage.try_it(
        in_here(stage, "ls -i /tmp/one/bin/sh /tmp/layers/base/bin/sh /tmp/layers/app/bin/sh")?,
        "the numbers",
    );
    stage.pause("the image is mounted, to be read")
}
// ANCHOR_END: where_from

// ANCHOR: one_base
fn one_base(stage: &mut Stage) -> Result<()> {
    stage.step("two images, one base");
    stage.say("Somebody else has another program for the same base and the same runtime. The layer `other` is made.");
    let guess = stage.predict(
        "Each image has files of more than 3 MiB. How much more does the second one take on the disk?",
        &["as much as the first one", "what its own layer has: 64 KiB", "nothing"],
    );
    let before = bytes("layers")?;

    build("other", &["runtime", "base"], || {
        fs::mkdir("merged/srv")?;
        Ok(stage.backstage(|| fs::create_filled("merged/srv/other", PROGRAM * KIB))?)
    })?;
    stage.backstage(|| fs::mkdir("two"))?;
    mount("overlay", "two", "overlay", Flags::empty(), &lowerdir(&TWO))?;

    let (one, two, after) = (bytes("one")?, bytes("two")?, bytes("layers")?);
    stage.chart(
        "space",
        "KiB",
        "the sum of st_blocks",
        &[
            ("image one, alone", kib(&one)),
            ("image two, alone", kib(&two)),
            ("both, on the disk", kib(&after)),
        ],
    );
    let more = difference(&after, &before);
    stage
        .check("the second image took its own layer")
        .expect(PROGRAM * KIB)
        .saw((more, "layers, st_blocks"))?;
    let sum = one.innermost().unwrap_or(0) + two.innermost().unwrap_or(0);
    stage.check("both are on the disk in less than their sum").expect_at_most(sum - 1).saw(&after)?;
    let libc = inode("one/lib/libc")?;
    stage.check("lib/libc of both is one file").expect(&libc).saw(&inode("two/lib/libc")?)?;
    stage.check("motd, which app deleted, is in image two").expect("welcome").saw(&file("two/etc/motd")?)?;
    let observed = match more {
        0 => "nothing",
        more if more <= (PROGRAM * KIB) as u64 => "what its own layer has: 64 KiB",
        _ => "as much as the first one",
    };
    stage.reveal(
        guess,
        observed,
        "A layer is on the disk once, whoever uses it, and a library that two containers read from the same layer is in
         memory once, too. A whiteout is part of one image: what it hides there, another image shows.",
    )?;
    stage.why(
        "`docker images` shows for each image all that it has, so the column adds up to more than there is on the disk;
         `docker system df` counts each layer once. When an image is pulled, layers that are there are not fetched.",
        &[kernel_doc("Overlay Filesystem: sharing and copying layers", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "du -sk /tmp/one /tmp/two /tmp/layers")?, "each image, and all layers");
    stage.pause("two images are mounted")
}
// ANCHOR_END: one_base

// ANCHOR: removed
fn removed(stage: &mut Stage) -> Result<()> {
    stage.step("an image is removed");
    stage.say("Nobody needs the first image any more. We unmount it, and remove the layers that no other image has.");
    let guess = stage.predict(
        "Image one is as large as its chart says. It is removed. How much space is free then?",
        &["all that it had", "all that its topmost layer had", "none, until image two is removed"],
    );
    let (before, whole, layer) = (bytes("layers")?, bytes("one")?, bytes("layers/app")?);

    umount2("one", UmountFlags::empty())?;
    let own: Vec<&str> = ONE.into_iter().filter(|layer| !TWO.contains(layer)).collect();
    stage.check("one layer is only its own").expect("app").saw((own.clone(), "the lists of layers"))?;
    for layer in own {
        let paths = tree(format!("layers/{layer}"))?;
        paths.iter().try_for_each(|path| fs::unlink(format!("layers/{layer}/{path}")))?;
        ["bin", "etc", "srv", ""].iter().try_for_each(|dir| fs::rmdir(format!("layers/{layer}/{dir}")))?;
    }

    let after = bytes("layers")?;
    let freed = difference(&before, &after);
    stage.state("all layers").compare(&before, &after, "without app").show();
    stage.check("what app had is free").expect(&layer).saw((freed, "layers, st_blocks"))?;
    stage
        .check("image two has lost nothing")
        .expect("bin/sh  etc/motd  etc/release  lib/libc  lib/python  srv/other")
        .saw(&files("two")?)?;
    let observed = match freed {
        0 => "none, until image two is removed",
        freed if freed >= whole.innermost().unwrap_or(0) => "all that it had",
        _ => "all that its topmost layer had",
    };
    stage.reveal(
        guess,
        observed,
        "A layer can go when the last image with it in its list goes, and no container is mounted on it. That is all the
         bookkeeping there is: the layers themselves know nothing of who uses them.",
    )?;
    stage.why(
        "`docker rmi` prints it: Untagged is a name that went, Deleted is a layer. And with `docker image prune` layers
         go that no named image has in its list.",
        &[man("umount", 2), man("unlink", 2)],
    );
    stage.try_it(in_here(stage, "ls /tmp/layers /tmp/two/bin")?, "what is left, and the image above it");
    stage.pause("one image is left")
}
// ANCHOR_END: removed
