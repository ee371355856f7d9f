//! Overlayfs: several directories, seen as one.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::process::getpid;
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::files::{Watch, device, fingerprint, kind, length, listing, space};
use crate::probe::process::mounted;
use crate::probe::{Reading, file};
use crate::stage::{Lesson, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "overlay",
    title: "Overlay file system",
    minutes: 9,
    builds_on: &["mount"],
    steps: 5,
    needs: &[Need::Overlay],
    run,
    lab: lab::LAB,
};

const GIB: u64 = 1 << 30;
const OPTIONS: &str = "lowerdir=1:2,upperdir=3,workdir=4";

fn run(stage: &mut Stage) -> Result<()> {
    let layers = two_layers(stage)?;
    changes_land_in_3(stage, &layers)?;
    deleting(stage, &layers)?;
    workdir(stage)?;
    an_image_and_its_containers(stage, &layers)
}

/// The lower directories as they were at first.
type Layers = [Reading; 2];

// ANCHOR: two_layers
fn two_layers(stage: &mut Stage) -> Result<Layers> {
    stage.step("five directories");
    stage.say(
        "A union file system shows several directories as one. Ours has five, named 1 to 5, in an empty /tmp
         that only this lesson sees. 1 and 2 are going to be the lower layers, and both have a file aaa.",
    );
    ["1", "2", "3", "4", "5"].iter().try_for_each(fs::mkdir)?;
    fs::create_sparse("1/1G", GIB)?;
    fs::create("1/aaa", "from 1\n")?;
    fs::create("2/aaa", "from 2\n")?;
    fs::create("2/bbb", "from 2\n")?;
    stage.check("1G is a gigabyte long").expect(GIB).saw(&length("1/1G")?)?;
    stage.check("and a hole from end to end: it takes no space").expect(0).saw(&space("1/1G")?)?;
    let layers = [fingerprint("1")?, fingerprint("2")?];
    let guess = stage.predict(
        "aaa is in 1 and in 2. With lowerdir=1:2, what will be in 5/aaa?",
        &["from 1", "from 2", "from 1, then from 2"],
    );
    let before = listing("5")?;

    mount("overlay", "5", "overlay", Flags::empty(), OPTIONS)?;

    let merged = listing("5")?;
    let aaa = file("5/aaa")?;
    stage
        .state("directories")
        .new(&listing("1")?, "a lower layer, the leftmost")
        .new(&listing("2")?, "a lower layer")
        .new(&listing("3")?, "the upper directory")
        .compare(&before, &merged, "all of them, merged")
        .new(&mounted("self", "/tmp/5")?.varying(), "what the kernel made of it")
        .show();
    stage.check("5 lists the files of both layers").expect("1G  aaa  bbb").saw(&merged)?;
    stage.check("the leftmost lower directory wins a name clash").expect("from 1").saw(&aaa)?;
    stage.reveal(
        guess,
        &aaa.text,
        "The layers are searched from left to right, and the first that has the name ends the search. The aaa
         of 2 is still there; nothing in 5 leads to it. Files are never mixed, only directories are.",
    )?;
    stage.why(
        "Nothing was copied to make 5, so it takes no longer with large layers than with small ones. An image of
         ten layers is a lowerdir of ten, the newest at the left.",
        &[kernel_doc("Overlay Filesystem", "filesystems/overlayfs"), man("mount", 2)],
    );
    stage.try_it(in_here(stage, "ls -l /tmp/1 /tmp/2 /tmp/3 /tmp/5")?, "the same directories, listed by you");
    stage.pause("5 is mounted")?;
    Ok(layers)
}
// ANCHOR_END: two_layers

// ANCHOR: changes_land_in_3
fn changes_land_in_3(stage: &mut Stage, layers: &Layers) -> Result<()> {
    stage.step("changes land in 3");
    stage.say("5 can be written to. We add a line to aaa, which belongs to 1, and make a new file, ccc.");
    let guess = stage.predict(
        "A line is appended to 5/aaa. Where is it stored?",
        &["in 1/aaa", "in 3, as the line alone", "in 3, with a copy of all of aaa"],
    );
    let before = listing("3")?;

    fs::append("5/aaa", "and changed in 5\n")?;
    fs::create("5/ccc", "new in 5\n")?;

    let after = listing("3")?;
    let copy = file("3/aaa")?;
    stage.state("directories").compare(&before, &after, "everything that was done in 5").show();
    stage.check("both changes are in 3").expect("aaa  ccc").saw(&after)?;
    stage.check("1/aaa is what it was").expect("from 1").saw(&file("1/aaa")?)?;
    untouched(stage, layers)?;
    let observed = match copy.text.as_str() {
        "from 1\nand changed in 5" => "in 3, with a copy of all of aaa",
        "and changed in 5" => "in 3, as the line alone",
        _ => "in 1/aaa",
    };
    stage.reveal(
        guess,
        observed,
        "Before the first write the kernel copies the file from its layer into 3: copy-up. From then on the
         copy is in front of the original. It is always the whole file, be it a gigabyte for one byte.",
    )?;
    stage.why(
        "Lower directories are only read, so any number of mounts can share them, and they may lie on a
         read-only file system. `docker diff` lists what is in the directory that we call 3.",
        &[kernel_doc("Overlay Filesystem: non-directories", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "diff -r /tmp/1 /tmp/3")?, "what 3 has that 1 has not");
    stage.pause("3 holds a changed copy and a new file")
}
// ANCHOR_END: changes_land_in_3

// ANCHOR: deleting
fn deleting(stage: &mut Stage, layers: &Layers) -> Result<()> {
    stage.step("a file that cannot be deleted");
    stage.say("bbb is in 2, and nobody writes to 2. Now bbb is deleted in 5.");
    let guess = stage.predict(
        "bbb is deleted in 5. What is in 3 now?",
        &["no bbb: it was never there", "a device with the name bbb", "an empty file bbb"],
    );

    fs::unlink("5/bbb")?;

    let mark = kind("3/bbb")?;
    stage
        .state("directories")
        .new(&listing("2")?, "bbb is still there")
        .new(&listing("3")?, "a mark with its name")
        .new(&listing("5")?, "and here it is gone")
        .show();
    stage.check("5 does not show it any more").expect("1G  aaa  ccc").saw(&listing("5")?)?;
    stage.check("3 has a whiteout for it").expect("character device 0:0").saw(&mark)?;
    stage.check("the file is still in its layer").expect("from 2").saw(&file("2/bbb")?)?;
    untouched(stage, layers)?;
    let is_device = mark.text.starts_with("character device");
    stage.reveal(
        guess,
        if is_device { "a device with the name bbb" } else { "an empty file bbb" },
        "The layer keeps the file, so something has to hide it: a character device with the number 0:0, which
         no driver has. The search from left to right meets it first and ends there.",
    )?;
    stage.say("ccc is different: it is in 3 alone, and there is nothing to be hidden.");
    fs::unlink("5/ccc")?;
    stage.check("of ccc nothing remains").expect("aaa  bbb (whiteout)").saw(&listing("3")?)?;
    stage.why(
        "So an image does not become smaller by `RUN rm` in a later layer: the bytes are still shipped, under a
         whiteout. And a secret that was \"deleted\" that way can still be read in the layer below.",
        &[kernel_doc("Overlay Filesystem: whiteouts", "filesystems/overlayfs"), man("mknod", 2)],
    );
    stage.try_it(in_here(stage, "ls -l /tmp/3 /tmp/2")?, "the mark, and the file that it hides");
    stage.pause("bbb is deleted, and still there")
}
// ANCHOR_END: deleting

// ANCHOR: workdir
fn workdir(stage: &mut Stage) -> Result<()> {
    stage.step("what 4 is for");
    stage.say(
        "We made 4 and left it empty; mount() has put a directory into it, 4/work. We watch that one, and 3, while
         1G is deleted: a gigabyte, by a mark without content.",
    );
    let watch = Watch::on(&["4/work", "3"])?;
    fs::unlink("5/1G")?;
    stage.check("the mark was made in 4 and moved to 3").expect("4/work -> 3/1G").saw(&watch.moves()?)?;
    stage.check("the gigabyte is still in its layer").expect(GIB).saw(&length("1/1G")?)?;
    stage.say(
        "A change has to be in 3 completely or not at all, even if the power fails. So the kernel prepares it in
         4, and it gets to 3 by a single rename or link, which either happens or does not.",
    );

    let guess = stage.predict(
        "The workdir is put on another file system than 3. What does mount() answer?",
        &["EXDEV", "EINVAL", "it works: the kernel copies instead of moving"],
    );
    umount2("5", UmountFlags::empty())?;
    fs::mkdir("elsewhere")?;
    mount("tmpfs", "elsewhere", "tmpfs", Flags::empty(), "size=1m")?;
    let (upper, work) = (device("3")?, device("elsewhere")?);
    stage.state("file systems").new(&upper, "by number of device").new(&work, "another one").show();
    stage.check("they are two file systems").expect_other_than(&upper).saw(&work)?;
    let wrong = "lowerdir=1:2,upperdir=3,workdir=elsewhere";
    let refused = mount("overlay", "5", "overlay", Flags::empty(), wrong).refused();
    stage.check("the kernel refuses it").expect(Errno::EINVAL).saw((refused, "mount()"))?;
    let answer =
        refused.map_or("it works: the kernel copies instead of moving".into(), |errno| errno.shown());
    stage.reveal(
        guess,
        &answer,
        "rename() works within one file system only, elsewhere it is EXDEV. Overlayfs does not wait for that: it
         compares the two mounts first, and an option that cannot work is an invalid argument.",
    )?;

    stage.say("And now the right way: 4 beside 3, the same options as before.");
    umount2("elsewhere", UmountFlags::empty())?;
    mount("overlay", "5", "overlay", Flags::empty(), OPTIONS)?;
    stage.check("what was done before the umount still holds").expect("aaa").saw(&listing("5")?)?;
    stage.why(
        "3 is all that has to be kept: `docker stop` unmounts, `docker start` mounts again with the same upper
         directory. The kernel's own words for a wrong workdir are in its log: \"workdir and upperdir must
         reside under the same mount\".",
        &[kernel_doc("Overlay Filesystem: upper and lower", "filesystems/overlayfs"), man("rename", 2)],
    );
    stage.try_it(in_here(stage, "ls -lR /tmp/4")?, "the directory in which changes are prepared");
    stage.pause("5 is mounted again")
}
// ANCHOR_END: workdir

// ANCHOR: an_image_and_its_containers
fn an_image_and_its_containers(stage: &mut Stage, layers: &Layers) -> Result<()> {
    stage.step("an image and its containers");
    stage.say(
        "Now the names that you know. 1 and 2 are an image: layers that are only read. 3 is the writable layer of
         a container. A second container from the same image has an upper directory of its own, 6.",
    );
    let guess = stage.predict(
        "In the first container 1G and bbb are deleted and aaa is changed. What does the second one list?",
        &["aaa", "1G  aaa  bbb", "nothing"],
    );
    ["6", "7", "8"].iter().try_for_each(fs::mkdir)?;

    mount("overlay", "8", "overlay", Flags::empty(), "lowerdir=1:2,upperdir=6,workdir=7")?;

    let second = listing("8")?;
    stage
        .state("directories")
        .new(&listing("3")?, "writable layer of the first")
        .new(&listing("5")?, "the first container's files")
        .new(&listing("6")?, "writable layer of the second")
        .new(&second, "the second container's files")
        .show();
    stage.check("the second sees the image as it was").expect("1G  aaa  bbb").saw(&second)?;
    stage.check("with the image's aaa").expect("from 1").saw(&file("8/aaa")?)?;
    stage.check("and has written nothing yet").expect("(empty)").saw(&listing("6")?)?;
    untouched(stage, layers)?;
    stage.reveal(
        guess,
        if second.text == "(empty)" { "nothing" } else { &second.text },
        "Containers share an image and not its changes. So a hundred of them take hardly more space on the disk
         than one, and each starts at once: nothing has to be copied.",
    )?;
    stage.why(
        "`docker commit` makes an image by taking a 3 as one more lower layer, and `docker rm` removes it. This is
         why data that has to outlive a container belongs into a volume.",
        &[kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "findmnt -t overlay")?, "both mounts and their layers");
    stage.pause("two containers' file systems from one image")
}
// ANCHOR_END: an_image_and_its_containers

/// Nobody has written to the lower directories.
fn untouched(stage: &Stage, layers: &Layers) -> Result<()> {
    for (name, before) in ["1", "2"].iter().zip(layers) {
        let claim = format!("{name} is untouched: the same hash");
        stage.check(claim).expect(before).saw(&fingerprint(name)?)?;
    }
    Ok(())
}

/// A command for another terminal that sees our private /tmp.
fn in_here(stage: &Stage, command: &str) -> Result<String> {
    let pid = stage.backstage(getpid)?;
    Ok(stage.scene().nsenter(pid, "-m", command))
}
