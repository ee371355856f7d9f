//! One image, a hundred containers: what each of them costs, and how far they are apart.

mod lab;
mod props;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::event::{kernel_doc, man};
use crate::kernel::namespace::Kind;
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::files::{fingerprint, listing};
use crate::probe::layers::{files, inode};
use crate::probe::process::lives;
use crate::probe::{Reading, file};
use crate::stage::{Child, Lesson, Result, Stage};
use props::{Root, an_image, bytes, counted, end, how_many, in_here, kib, number, remove, start};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "one-image",
    title: "One image, a hundred containers",
    minutes: 8,
    builds_on: &["pid", "layers"],
    steps: 5,
    needs: &[Need::Overlay, Need::Namespace(Kind::Mnt), Need::Namespace(Kind::Pid)],
    run,
    lab: lab::LAB,
};

/// How many containers there can be.
pub(super) const NODES: RangeInclusive<usize> = 2..=1000;

fn run(stage: &mut Stage) -> Result<()> {
    let first = the_first(stage)?;
    let mut containers = all_of_them(stage, first)?;
    full_copies(stage, &containers)?;
    one_writes(stage, &mut containers)?;
    removed(stage, containers)
}

/// The containers, and how long each took to start, in milliseconds.
struct Containers {
    running: Vec<Child>,
    millis: Vec<f64>,
}

impl Containers {
    fn count(&self) -> usize {
        self.running.len()
    }
}

fn dir(number: usize) -> String {
    format!("containers/{number}")
}

/// A file in the root of a container.
fn inside(child: &Child, path: &str) -> String {
    format!("/proc/{}/root/{path}", child.pid())
}

fn mean(millis: &[f64]) -> f64 {
    millis.iter().sum::<f64>() / millis.len() as f64
}

// ANCHOR: the_first
fn the_first(stage: &mut Stage) -> Result<Containers> {
    stage.step("the first container");
    stage.say(
        "There is an image, and a container is to be started from it: a process with mounts and process numbers of its
         own, whose root is the image with an empty directory above it.",
    );
    let wanted = stage.scene().nodes;
    stage.backstage(|| an_image(wanted))?;
    let guess = stage.predict(
        "The container sees all of the image. What does it take on the disk?",
        &["as much as the image", "the programs that it runs", "what it has changed: nothing yet"],
    );

    let (container, millis) = start(stage, &dir(0), Root::Overlay)?;

    let (image, own) = (bytes("image")?, bytes("containers")?);
    stage.measure("start", format!("{millis:.1} ms"), "from clone3() to its root");
    stage.state("bytes on the disk").new(&image, "read by the container").new(&own, "its own").show();
    let release = file(inside(&container, "etc/release"))?;
    stage.check("the container has the files of the image").expect("base 1").saw(&release)?;
    stage.check("no file of it takes any space").expect("0").saw((number(&own), &own.source))?;
    let observed = match number(&own) {
        0 => "what it has changed: nothing yet",
        own if own < number(&image) => "the programs that it runs",
        _ => "as much as the image",
    };
    stage.reveal(
        guess,
        observed,
        "A mount is an entry in a table of the kernel. On the disk there are three empty directories: on ext4 they take
         16 KiB with the one that overlayfs makes in work, and here, in memory, nothing.",
    )?;
    stage.why(
        "A virtual machine has a disk of its own, with a whole file system. Formats like qcow2 learned to stand above a
         common one, too, block by block; a container shares files.",
        &[man("mount", 2), kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.try_it(
        in_here(stage, "du -sk /tmp/image /tmp/containers")?,
        "what the image takes, and what the container",
    );
    stage.pause("one container is running")?;
    Ok(Containers { running: vec![container], millis: vec![millis] })
}
// ANCHOR_END: the_first

// ANCHOR: all_of_them
fn all_of_them(stage: &mut Stage, mut containers: Containers) -> Result<Containers> {
    stage.step("all the others");
    let wanted = how_many(stage.scene().nodes, containers.millis[0]);
    stage.say(
        "What can be done once can be done a hundred times. Each container gets three directories, a mount, and a process.
         On a slow machine there are fewer of them.",
    );
    let guess = stage.predict(
        "All the containers have a lib/libc. How many files of this name are on the disk?",
        &["one", "one for each container", "one for each container that reads it"],
    );

    for number in 1..wanted {
        let (child, millis) = stage.backstage(|| start(stage, &dir(number), Root::Overlay))?;
        containers.running.push(child);
        containers.millis.push(millis);
        stage.gauge("containers", containers.count() as u64, wanted as u64, "running");
    }

    stage.measure("containers", containers.count(), "how many were started");
    stage.measure(
        "start of each",
        format!("{:.1} ms", mean(&containers.millis)),
        "from clone3() to its root",
    );
    let alive = containers.running.iter().filter(|child| lives(child.pid()).is_ok()).count();
    stage.check("all of them are running").expect(wanted).saw(&counted(alive, "/proc"))?;
    let mut numbers = BTreeSet::new();
    for child in &containers.running {
        numbers.insert(inode(inside(child, "lib/libc"))?.text);
    }
    stage
        .check("lib/libc has one inode in all the containers")
        .expect(1usize)
        .saw((numbers.len(), "/proc/*/root/lib/libc st_ino"))?;
    let own = bytes("containers")?;
    stage.check("together they take nothing but directories").expect("0").saw((number(&own), &own.source))?;
    let observed = if numbers.len() == 1 { "one" } else { "one for each container" };
    stage.reveal(
        guess,
        observed,
        "A read goes through the overlay to the file of the layer. So the library is on the disk once, and what is more,
         once in the page cache: the second container finds in memory what the first one has read.",
    )?;
    stage.why(
        "That is why the first `docker run` after a boot takes a second, and the next a tenth of that. And it is why many
         containers of one image want less memory than the same number of images.",
        &[man("namespaces", 7), kernel_doc("Overlay Filesystem: sharing and copying layers", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "ls /tmp/containers")?, "a directory for each of them");
    stage.pause("all the containers are running")?;
    Ok(containers)
}
// ANCHOR_END: all_of_them

// ANCHOR: full_copies
fn full_copies(stage: &mut Stage, containers: &Containers) -> Result<()> {
    stage.step("and without layers");
    stage.say(
        "To see what the layers are good for, we start as many without them: each gets a copy of all files of the image as
         its root, and is ended again.",
    );
    let guess = stage.predict(
        "So many copies of the image, or its containers: which of them take more space than the image itself?",
        &["both, the copies more", "the copies", "neither: equal files are stored once"],
    );
    let mut millis = vec![];

    for number in 0..containers.count() {
        let (child, time) = stage.backstage(|| start(stage, &format!("copies/{number}"), Root::Copy))?;
        millis.push(time);
        stage.backstage(|| end(child))?;
        stage.gauge("copies", number as u64 + 1, containers.count() as u64, "made");
    }

    let (image, own, copies) = (bytes("image")?, bytes("containers")?, bytes("copies")?);
    stage.chart(
        "space",
        "KiB",
        "the sum of st_blocks",
        &[("the image, and all containers", kib(&image) + kib(&own)), ("as many full copies", kib(&copies))],
    );
    stage.chart(
        "start",
        "ms",
        "the mean, from clone3() to its root",
        &[("a container", mean(&containers.millis)), ("a full copy", mean(&millis))],
    );
    let all = number(&image) * containers.count() as u64;
    stage.check("each copy takes as much as the image").expect(all).saw(&copies)?;
    stage.check("the containers take nothing").expect("0").saw((number(&own), &own.source))?;
    let observed = match (number(&copies) > number(&image), number(&own) > number(&image)) {
        (true, true) => "both, the copies more",
        (true, false) => "the copies",
        _ => "neither: equal files are stored once",
    };
    stage.reveal(
        guess,
        observed,
        "The image here has three files. One of a distribution has thousands, and a hundred megabytes: the copies would
         take ten gigabytes and minutes, and the containers what they take now.",
    )?;
    stage.why(
        "A storage driver that makes copies exists all the same, under the name vfs, for file systems with which nothing
         else works. The lesson storage-drivers compares them.",
        &[man("cp", 1), man("stat", 2)],
    );
    stage.try_it(in_here(stage, "du -sk /tmp/image /tmp/containers /tmp/copies")?, "all three");
    stage.pause("the copies are there, beside the containers")?;
    stage.backstage(|| (0..containers.count()).try_for_each(|number| remove(&format!("copies/{number}"))))
}
// ANCHOR_END: full_copies

// ANCHOR: one_writes
fn one_writes(stage: &mut Stage, containers: &mut Containers) -> Result<()> {
    stage.step("one of them writes");
    stage.say("The last container appends a line to etc/release, and one byte to bin/app, which is half of the image.");
    let image = fingerprint("image")?.varying();
    let guess = stage.predict(
        "Who sees the change, and what does it take?",
        &["that container, and a whole bin/app", "that container, and one byte", "all of them, and one byte"],
    );

    let last = containers.count() - 1;
    containers.running[last].go_on();

    let mut who = 0;
    for child in &containers.running {
        who += usize::from(last_line(child)? == "with a change");
    }
    let upper = files(format!("{}/upper", dir(last)))?.labelled("its upper directory");
    let upper = Reading { source: "upper and below".into(), ..upper };
    let (own, app) = (bytes("containers")?, bytes("image/bin")?);
    stage.state("after the write").new(&upper, "copied up").new(&own, "all containers, in bytes").show();
    let its = last_line(&containers.running[last])?;
    stage.check("the container sees its change").expect("with a change").saw((its, "its etc/release"))?;
    stage.check("nobody else does").expect(1usize).saw((who, "/proc/*/root/etc/release"))?;
    stage.check("the image is what it was").expect(&image).saw(&fingerprint("image")?.varying())?;
    stage.check("two files were copied up").expect("bin/app  etc/release").saw(&upper)?;
    stage.check("bin/app as a whole").expect_at_least(number(&app)).saw(&own)?;
    let observed = match (who, number(&own) >= number(&app)) {
        (1, true) => "that container, and a whole bin/app",
        (1, false) => "that container, and one byte",
        _ => "all of them, and one byte",
    };
    stage.reveal(
        guess,
        observed,
        "Each container has an upper directory of its own, and the image none that could be written to. The price of the
         first change is a copy of the file; what was not changed stays shared.",
    )?;
    stage.why(
        "So data that grows, a database above all, does not belong in a container's layer: a volume is a mount of another
         directory, with no copying up, and outlives the container.",
        &[kernel_doc("Overlay Filesystem: non-directories", "filesystems/overlayfs"), man("open", 2)],
    );
    let pid = containers.running[last].pid();
    stage.try_it(format!("cat /proc/{pid}/root/etc/release"), "the file, as this container sees it");
    stage.pause("one of the containers has changed two files")
}

fn last_line(child: &Child) -> Result<String> {
    Ok(file(inside(child, "etc/release"))?.text.lines().last().unwrap_or_default().into())
}
// ANCHOR_END: one_writes

// ANCHOR: removed
fn removed(stage: &mut Stage, containers: Containers) -> Result<()> {
    stage.step("all of them removed");
    stage.say("The containers are ended, and their directories removed, as `docker rm` does it.");
    let (image, count) = (fingerprint("image")?.varying(), containers.count());
    let release = format!("{}/upper/etc/release", dir(count - 1));
    let guess = stage.predict(
        "One container had changed two files. Where are they when it is removed?",
        &["gone", "in the image, as a new layer", "in its upper directory, until the image is removed"],
    );

    for (number, child) in containers.running.into_iter().enumerate() {
        stage.backstage(|| end(child).and_then(|()| remove(&dir(number))))?;
        stage.gauge("containers", (count - number - 1) as u64, count as u64, "running");
    }
    let refused = fs::open("containers/0/upper").refused();

    stage.check("the first container's directory is gone").expect(Errno::ENOENT).saw((refused, "open()"))?;
    let (left, kept) = (listing("containers")?, file(&release).is_ok());
    stage.check("and so are all the others").expect("(empty)").saw(&left)?;
    stage.check("the image is what it was").expect(&image).saw(&fingerprint("image")?.varying())?;
    let observed = match (kept, left.text.as_str()) {
        (false, "(empty)") => "gone",
        _ => "in its upper directory, until the image is removed",
    };
    stage.reveal(
        guess,
        observed,
        "A container is its upper directory, and that is removed with it. What is to be kept goes into a volume, or with
         `docker commit` into a layer, before.",
    )?;
    stage.why(
        "A container that has stopped still has its upper directory: `docker ps -a` lists them, `docker start` goes on
         with it. `docker run --rm` is for those that nobody is going to ask for.",
        &[man("umount", 2), man("rmdir", 2)],
    );
    stage.try_it(in_here(stage, "ls /tmp/containers /tmp/image")?, "what is left");
    stage.pause("the image is left, as it was")
}
// ANCHOR_END: removed
