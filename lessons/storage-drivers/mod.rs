//! Storage drivers: several ways to give each container all files of an image, and none of another container's.

mod lab;
mod props;

use crate::event::{Source, kernel_doc, man};
use crate::kernel::mount::{Flags, UmountFlags, mount, umount2};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::fingerprint;
use crate::probe::layers::files;
use crate::stage::{Lesson, Result, Shown, Stage};
use props::{Btrfs, DATABASE, Measured, an_image, bytes, in_here, no_row, number, timed, with_all_files};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "storage-drivers",
    title: "Storage drivers",
    minutes: 10,
    builds_on: &["copy-up"],
    steps: 4,
    needs: &[Need::Overlay],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    let copies = links_and_copies(stage)?;
    let overlay = layers(stage)?;
    let snapshot = a_snapshot(stage)?;
    side_by_side(stage, copies, overlay, snapshot)
}

// ANCHOR: links_and_copies
fn links_and_copies(stage: &mut Stage) -> Result<Measured> {
    stage.step("vfs: copies");
    stage.say(
        "A container needs a directory with all files of its image. They need not be copied for that, it seems: a file can
         have several names. So the first container gets a hard link for each file, which costs next to nothing.",
    );
    stage.backstage(|| {
        an_image()?;
        fs::mkdir("linked")?;
        with_all_files("linked", |file, name| fs::link(file, name))
    })?;
    let guess = stage.predict(
        "In the container a line is appended to linked/etc/release. What does the image have then?",
        &["what it had", "the line, too", "an empty file"],
    );

    fs::append("linked/etc/release", "with a change\n")?;

    let release = file("image/etc/release")?;
    stage.state("the image").new(&release, "changed by a container").show();
    let changed = release.text.ends_with("with a change");
    stage.check("the write came through to the image").saw((changed, &release.source))?;
    stage.reveal(
        guess,
        if changed { "the line, too" } else { "what it had" },
        "Two names of one file are no copies. All containers would write into one another, and into the image.",
    )?;
    stage.say(
        "So copies, then: that is the driver vfs. It works on every file system, needs no powers at all, and is what others
         are measured against.",
    );
    fs::create("image/etc/release", "base 1\n")?;
    let image = fingerprint("image")?;
    fs::mkdir("copied")?;
    let ((), create) = timed(|| stage.backstage(|| with_all_files("copied", |from, to| fs::copy(from, to))))?;
    let before = number(&bytes("copied")?);
    let ((), write) = timed(|| Ok(fs::append("copied/data/db", "+")?))?;
    stage.check("the image is what it was").expect(&image).saw(&fingerprint("image")?)?;
    let whole = bytes("image")?;
    stage
        .check("the copy takes as much as the image")
        .expect_at_least(number(&whole))
        .saw(&bytes("copied")?)?;
    stage.why(
        "Each layer of an image is a whole copy with vfs, too: the one below is copied, and the change made in the copy. An
         image of ten layers is on the disk ten times.",
        &[man("link", 2), man("sendfile", 2)],
    );
    stage.try_it(
        in_here(stage, "ls -li /tmp/image/etc /tmp/linked/etc /tmp/copied/etc")?,
        "in front, which file it is",
    );
    stage.pause("a container of links and one of copies are there")?;
    Ok(Measured { driver: "vfs", create, write, before, after: number(&bytes("copied")?) })
}
// ANCHOR_END: links_and_copies

// ANCHOR: layers
fn layers(stage: &mut Stage) -> Result<Measured> {
    stage.step("overlay: files above files");
    stage.say("The second driver mounts the image below an empty directory. Then a byte is appended to the database.");
    stage.backstage(|| ["upper", "work", "merged"].iter().try_for_each(fs::mkdir))?;
    let image = fingerprint("image")?;
    let guess = stage.predict(
        "One byte was appended to data/db, in the copy and in the overlay. What does the overlay take now?",
        &["one block", "as much as the database", "as much as the copy"],
    );

    // What the last word says is what the kernel does without it; distributions can build it otherwise.
    let options = "lowerdir=image,upperdir=upper,workdir=work,metacopy=off";
    let ((), create) = timed(|| Ok(mount("overlay", "merged", "overlay", Flags::empty(), options)?))?;
    let before = bytes("upper")?;
    let ((), write) = timed(|| Ok(fs::append("merged/data/db", "+")?))?;

    let after = bytes("upper")?;
    stage.state("the container's own files").compare(&before, &after, "in bytes").show();
    stage.check("at first it takes nothing").expect("0").saw((number(&before), &before.source))?;
    stage.check("after one byte it has the database").expect("data/db").saw(&files("upper")?)?;
    stage.check("as a whole").expect_at_least(DATABASE).saw(&after)?;
    stage.check("the image is what it was").expect(&image).saw(&fingerprint("image")?)?;
    let observed = match number(&after) {
        after if after < DATABASE => "one block",
        after if after < number(&bytes("copied")?) => "as much as the database",
        _ => "as much as the copy",
    };
    stage.reveal(
        guess,
        observed,
        "Files are what overlayfs shares. One that is changed is copied, all of it and at the first write, so what vfs
         pays for at the start is paid for here by whoever writes, and only for that file.",
    )?;
    stage.why(
        "That is a good bargain where programs read much and write little, as they do in images. Databases are kept in
         volumes.",
        &[kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "du -sk /tmp/copied /tmp/upper")?, "what each container takes");
    stage.pause("both containers have written one byte")?;
    Ok(Measured { driver: "overlay", create, write, before: number(&before), after: number(&after) })
}
// ANCHOR_END: layers

// ANCHOR: a_snapshot
fn a_snapshot(stage: &mut Stage) -> Result<Option<Measured>> {
    stage.step("btrfs: a snapshot");
    stage.say(
        "The third way is to let the file system itself share blocks. With btrfs the image is a subvolume, and a container
         a snapshot of it: another tree that refers to the same blocks. For that we need a file system of this kind, in a
         file behind a loop device, which root can make if mkfs.btrfs is there. Otherwise the step is left out.",
    );
    let made = stage.depending_on_machine(|| on_a_disk(stage))?;
    stage.why(
        "The price is that images have to be on such a file system. And each tree has inodes of its own: a library
         that two containers have from one image is in the page cache twice.",
        &[
            Source { name: "btrfs".into(), url: "https://btrfs.readthedocs.io/en/latest/Subvolumes.html".into() },
            man("loop", 4),
        ],
    );
    stage.pause("the file system is mounted at /tmp/disk, where it could be made")?;
    let Some((disk, measured)) = made else { return Ok(None) };
    stage.depending_on_machine(|| {
        umount2("disk", UmountFlags::empty())?;
        disk.device.close()
    })?;
    Ok(Some(measured))
}

fn on_a_disk(stage: &Stage) -> Result<Option<(Btrfs, Measured)>> {
    let disk = match Btrfs::make(stage)? {
        Ok(disk) => disk,
        Err(refusal) => {
            stage.skip("a snapshot on btrfs", refusal);
            return Ok(None);
        }
    };
    disk.run(stage, &["subvolume", "create", "disk/image"])?;
    with_all_files("disk/image", |from, to| fs::copy(from, to))?;
    let (image, empty) = (fingerprint("disk/image")?.varying(), disk.room(stage)?);

    let snapshot = || disk.run(stage, &["subvolume", "snapshot", "disk/image", "disk/web"]);
    let ((), create) = timed(snapshot)?;
    let before = empty.saturating_sub(disk.room(stage)?);
    let ((), write) = timed(|| Ok(fs::append("disk/web/data/db", "+")?))?;
    let after = empty.saturating_sub(disk.room(stage)?);

    stage
        .check("the snapshot has the files of the image")
        .expect("base 1")
        .saw(&file("disk/web/etc/release")?)?;
    stage.check("the image is what it was").expect(&image).saw(&fingerprint("disk/image")?.varying())?;
    stage
        .check("after one byte it takes less than the database")
        .expect_at_most(DATABASE / 2)
        .saw((after, "statvfs() of /tmp/disk"))?;
    stage.say(
        "Not the file was copied, but the one block that was written to, and the way to it in the tree.",
    );
    stage.try_it(in_here(stage, "du -sk /tmp/disk/image /tmp/disk/web")?, "shared blocks are counted twice");
    Ok(Some((disk, Measured { driver: "btrfs", create, write, before, after })))
}
// ANCHOR_END: a_snapshot

// ANCHOR: side_by_side
fn side_by_side(
    stage: &mut Stage,
    copies: Measured,
    overlay: Measured,
    btrfs: Option<Measured>,
) -> Result<()> {
    stage.step("side by side, and those that went");
    stage.say(
        "Here are the figures. The first time is that of making the root directory, the second that of the first byte; space
         is what the container takes before it and after it. For btrfs the time has that of starting the program btrfs in
         it.",
    );
    let rows =
        [copies.row(), overlay.row(), btrfs.map_or_else(|| no_row("btrfs"), |measured| measured.row())];
    let notes = ["a copy of everything", "a copy of what is changed", "a copy of blocks"];
    let mut table = stage.side_by_side("drivers", "create, first write", "space before, after");
    for ((times, space), note) in rows.iter().zip(notes) {
        table = table.compare(times, space, note);
    }
    table.show();
    stage.say("Docker began with another one: AUFS, which merges directories as overlayfs does. We try to mount it.");
    let guess = stage.predict("mount() with the type aufs answers", &["0", "ENODEV", "EPERM"]);
    let refused = mount("none", "merged", "aufs", Flags::empty(), "br=upper=rw:image=ro").refused();
    stage.check("this kernel has no aufs").expect(Errno::ENODEV).saw((refused, "mount()"))?;
    stage.reveal(
        guess,
        &refused.map_or("0".into(), |errno| errno.shown()),
        "AUFS was never taken into Linux: some distributions patched it in, and no longer do since overlayfs is there. The
         other early driver, devicemapper, gave each container a thin block device with a file system of its own: it
         wanted a volume to be set up, shared no page cache, and is gone since Docker 25.",
    )?;
    stage.check("the overlay is still mounted there").expect("base 1").saw(&file("merged/etc/release")?)?;
    stage.why(
        "Docker chooses overlay2 today, or lets containerd do it with its snapshotter of the same name; Podman overlay.
         Where overlayfs cannot be mounted without root, Podman has fuse-overlayfs, the same as a program.",
        &[man("mount", 2), man("filesystems", 5)],
    );
    stage.try_it("cat /proc/filesystems", "every type that this kernel knows by now");
    stage.pause("the figures are there")
}
// ANCHOR_END: side_by_side
