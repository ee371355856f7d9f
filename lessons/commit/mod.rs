//! A commit: what a container has changed becomes a layer, and that a version of an image.

mod lab;
mod props;

use crate::event::{Source, kernel_doc, man};
use crate::kernel::mount::{UmountFlags, umount2};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::file;
use crate::probe::files::{fingerprint, listing};
use crate::stage::{Lesson, Result, Stage};
use props::{a_base, changes, copy_layer, in_here, mount_container, mount_image, name_of, note};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "commit",
    title: "Commit",
    minutes: 9,
    builds_on: &["layers"],
    steps: 4,
    needs: &[Need::Overlay],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    let base = vec!["base".to_string()];
    what_was_changed(stage, &base)?;
    let second = it_becomes_a_layer(stage, &base)?;
    while_it_runs(stage, &second)?;
    any_version(stage)
}

// ANCHOR: what_was_changed
fn what_was_changed(stage: &mut Stage, base: &[String]) -> Result<()> {
    stage.step("what was changed");
    stage.say(
        "A container of an image is running, and somebody works in it: a program is installed, a file changed, another
         one deleted. And bin/sh becomes executable, which was an error, and is taken back.",
    );
    stage.backstage(a_base)?;
    mount_container(base)?;
    let guess = stage.predict(
        "bin/sh has its old mode and its old content again. Is it in the list of changes?",
        &["no: it is as before", "yes: it was copied up", "only its mode is"],
    );

    fs::mkdir("root/srv")?;
    fs::create("root/srv/app", "version 2\n")?;
    fs::append("root/etc/release", "with app\n")?;
    fs::unlink("root/etc/motd")?;
    fs::chmod("root/bin/sh", 0o755)?;
    fs::chmod("root/bin/sh", 0o644)?;

    let list = stage.backstage(|| changes("web/upper", base))?;
    stage.state("added, changed, deleted").new(&list, "what docker diff lists").show();
    stage
        .check("this is what was done, and one thing more")
        .expect("C /bin  C /bin/sh  C /etc  D /etc/motd  C /etc/release  A /srv  A /srv/app")
        .saw(&list)?;
    let observed = match list.text.contains("/bin/sh") {
        true => "yes: it was copied up",
        false => "no: it is as before",
    };
    stage.reveal(
        guess,
        observed,
        "Nobody has kept a log. The list is made afterwards, from what is in the upper directory: what the layers below
         have, too, is changed, what they have not is added, and a whiteout is a deletion. Content is not compared.",
    )?;
    stage.why(
        "With another storage driver, which has no upper directory, container and image are compared file by file, by
         their metadata. Then the list depends on the times of change.",
        &[kernel_doc("Overlay Filesystem: whiteouts and opaque directories", "filesystems/overlayfs"), man("stat", 2)],
    );
    stage
        .try_it(in_here(stage, "ls -lR /tmp/web/upper")?, "the upper directory, from which the list is made");
    stage.pause("the container is mounted, with its changes")
}
// ANCHOR_END: what_was_changed

// ANCHOR: it_becomes_a_layer
fn it_becomes_a_layer(stage: &mut Stage, base: &[String]) -> Result<Vec<String>> {
    stage.step("it becomes a layer");
    stage.say(
        "The container is stopped. Its changes are to become version 2 of the image: a layer above those of version 1,
         called by the hash of what is in it, and a line that lists both.",
    );
    let (seen, before) = (fingerprint("root")?, fingerprint("layers/base")?);
    let guess = stage.predict(
        "What has to be copied, if image and container are on the same disk?",
        &["all files of the container", "what is in the upper directory", "nothing"],
    );

    umount2("root", UmountFlags::empty())?;
    let name = name_of("web/upper")?;
    fs::rename("web/upper", format!("layers/{name}"))?;
    let layers: Vec<String> = base.iter().cloned().chain([name]).collect();
    note(2, &layers)?;

    stage.backstage(|| fs::mkdir("nothing"))?;
    mount_image("two", &layers)?;
    stage
        .state("the image")
        .new(&file("images/2")?.labelled("version 2"), "its layers, the lowest first")
        .show();
    stage.check("version 2 shows what the container has shown").expect(&seen).saw(&fingerprint("two")?)?;
    stage.check("the layer of version 1 is what it was").expect(&before).saw(&fingerprint("layers/base")?)?;
    let gone = fs::open("web/upper").refused();
    stage
        .check("the container has no upper directory any more")
        .expect(Errno::ENOENT)
        .saw((gone, "open()"))?;
    let observed = if gone.is_some() { "nothing" } else { "what is in the upper directory" };
    stage.reveal(
        guess,
        observed,
        "An upper directory and a layer are one thing: a directory with files and marks. All that makes it a layer is that
         nobody writes to it any more. `docker commit` copies it all the same, since its container goes on.",
    )?;
    stage.why(
        "The list is the image. With OCI it is a file of JSON: the digests of the layers, who made each, with which
         command, and what a container starts with. `docker history` shows it.",
        &[
            man("rename", 2),
            Source {
                name: "OCI image configuration".into(),
                url: "https://github.com/opencontainers/image-spec/blob/main/config.md".into(),
            },
        ],
    );
    stage.try_it(in_here(stage, "grep . /tmp/images/1 /tmp/images/2")?, "both versions");
    stage.pause("version 2 is mounted at /tmp/two")?;
    Ok(layers)
}
// ANCHOR_END: it_becomes_a_layer

// ANCHOR: while_it_runs
fn while_it_runs(stage: &mut Stage, second: &[String]) -> Result<()> {
    stage.step("a commit while it runs");
    stage.say(
        "A container of version 2 changes the program, and is not to be stopped. Somebody takes the short way: the upper
         directory is renamed while it is mounted, and has its name from the hash that it has now.",
    );
    mount_container(second)?;
    fs::create("root/srv/app", "version 3\n")?;
    let guess = stage.predict(
        "The upper directory has been renamed. The container writes srv/log. Where does that land?",
        &["in a new web/upper", "in the layer", "nowhere: write() fails"],
    );

    let name = name_of("web/upper")?;
    let layer = format!("layers/{name}");
    fs::rename("web/upper", &layer)?;
    fs::create("root/srv/log", "GET /\n")?;

    let now = fingerprint(&layer)?;
    stage
        .state("the new layer")
        .new(&listing(format!("{layer}/srv"))?, "with the log of the container")
        .show();
    stage.check("the layer is not what its name says").expect_other_than(&name).saw(&now)?;
    let landed = listing(format!("{layer}/srv"))?.text.contains("log");
    stage.reveal(
        guess,
        if landed { "in the layer" } else { "nowhere: write() fails" },
        "The mount holds the directory, not its name. So the container goes on writing into what others take for a layer:
         into their files, while they read them.",
    )?;
    stage.say("The right way: the directory is the container's, and the layer is a copy of it.");
    fs::rename(&layer, "web/upper")?;
    fs::unlink("root/srv/log")?;
    stage.backstage(|| copy_layer("web/upper", &layer))?;
    fs::create("root/srv/log", "GET /\n")?;
    stage.check("the layer is what its name says").expect(&name).saw(&fingerprint(&layer)?)?;
    let layers: Vec<String> = second.iter().cloned().chain([name]).collect();
    note(3, &layers)?;
    stage.why(
        "A copy takes time, and files that change meanwhile are copied half old, half new. So `docker commit` freezes the
         container for as long, unless it is told --pause=false. A database may need more: to write out what it has in
         memory.",
        &[man("cgroups", 7), kernel_doc("Overlay Filesystem: changes to underlying filesystems", "filesystems/overlayfs")],
    );
    stage.try_it(
        in_here(stage, &format!("ls /tmp/web/upper/srv /tmp/{layer}/srv"))?,
        "the container's, and the layer's",
    );
    stage.pause("the container runs on, and version 3 is a copy of what it was")
}
// ANCHOR_END: while_it_runs

// ANCHOR: any_version
fn any_version(stage: &mut Stage) -> Result<()> {
    stage.step("any version");
    stage.say("There are three versions. A version is a list, so going back is to mount a shorter one.");
    let guess = stage.predict(
        "Version 1 has one layer, version 2 has two, version 3 has three. How many are on the disk?",
        &["one: the newest", "three", "six"],
    );
    let versions = ["images/1", "images/2", "images/3"].map(file);
    let [one, two, three] = versions;
    let (one, two, three) = (one?, two?, three?);
    let list = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();

    mount_image("one", &list(&one.text))?;
    mount_image("three", &list(&three.text))?;
    let refused = fs::open("two/etc/motd").refused();

    stage
        .state("history")
        .new(&one.labelled("version 1"), "base")
        .new(&two.labelled("version 2"), "with app")
        .new(&three.labelled("version 3"), "with another app")
        .show();
    let welcome = file("one/etc/motd")?;
    stage.check("version 1 has the file that was deleted later").expect("welcome").saw(&welcome)?;
    stage.check("version 2 does not have it").expect(Errno::ENOENT).saw((refused, "open()"))?;
    stage.check("version 2 has its app").expect("version 2").saw(&file("two/srv/app")?)?;
    stage.check("version 3 has another one").expect("version 3").saw(&file("three/srv/app")?)?;
    let layers = listing("layers")?;
    let count = layers.text.split("  ").count();
    stage.check("there are three layers").expect(3usize).saw((count, &layers.source))?;
    let observed = match count {
        1 => "one: the newest",
        3 => "three",
        _ => "six",
    };
    stage.reveal(
        guess,
        observed,
        "Each version is the one before it and one layer more. Nothing had to be undone, and nothing is lost: all three can
         be run at the same time.",
    )?;
    stage.why(
        "It works as with commits of git, which also are immutable, named by hashes, and know what they come from. What is
         missing is the message: who finds /srv/app in a layer does not know how it came there. A Dockerfile says it.",
        &[kernel_doc("Overlay Filesystem: multiple lower layers", "filesystems/overlayfs"), man("mount", 2)],
    );
    stage.try_it(
        in_here(stage, "grep . /tmp/one/etc/motd /tmp/two/srv/app /tmp/three/srv/app")?,
        "three versions",
    );
    stage.pause("three versions of the image are mounted")
}
// ANCHOR_END: any_version
