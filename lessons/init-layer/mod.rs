//! The init layer: what a container has for itself, and how it gets into an image that is everybody's.

mod lab;
mod props;

use crate::event::{kernel_doc, man};
use crate::kernel::mount::{Flags, UmountFlags, bind, mount, umount2};
use crate::kernel::namespace::Kind;
use crate::kernel::process::Clone3;
use crate::kernel::{Errno, Refused, fs, uts};
use crate::machine::Need;
use crate::probe::files::{fingerprint, length, listing};
use crate::probe::layers::files;
use crate::probe::{Reading, file};
use crate::stage::{Child, Lesson, Result, Shown, Stage};
use props::{an_image, in_here, its_files, mount_all};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "init-layer",
    title: "The init layer",
    minutes: 8,
    builds_on: &["uts", "layers"],
    steps: 4,
    needs: &[Need::Overlay, Need::Namespace(Kind::Mnt), Need::Namespace(Kind::Uts)],
    run,
    lab: lab::LAB,
};

const HOSTNAME: &str = "/proc/sys/kernel/hostname";

fn run(stage: &mut Stage) -> Result<()> {
    let image = no_place(stage)?;
    empty_files(stage)?;
    let containers = two_names(stage, &image)?;
    a_write(stage, containers, &image)
}

// ANCHOR: no_place
fn no_place(stage: &mut Stage) -> Result<Reading> {
    stage.step("no place for a name");
    stage.say(
        "An image is made once, for many containers. A container has a name, knows its neighbours from /etc/hosts and
         its name server from /etc/resolv.conf: files that no two containers have in common. So they are not in the
         image. A runtime writes them for each container, beside its layers, and wants to bind them into its root.",
    );
    stage.backstage(|| an_image().and_then(|()| its_files("web", "web", "10.0.0.2")))?;
    let image = fingerprint("image")?;
    mount("overlay", "merged", "overlay", Flags::empty(), "lowerdir=image,upperdir=init,workdir=work")?;
    let guess = stage.predict(
        "The image has no etc/hostname. The file web/hostname is bound to that name. mount() answers",
        &["0: the file is there now", "ENOENT", "EROFS"],
    );

    let refused = bind("web/hostname", "merged/etc/hostname").refused();

    stage.check("there is nothing to bind it to").expect(Errno::ENOENT).saw((refused, "mount()"))?;
    stage.state("the image").new(&files("image")?, "made for everybody").show();
    stage.reveal(
        guess,
        &refused.map_or("0: the file is there now".into(), |errno| errno.shown()),
        "A mount covers a file that is there, and makes none. What it covers does not matter, but a name has to be in the
         root, and the image does not have it. To put it there would change the image, and with it its hash.",
    )?;
    stage.why(
        "Some images do have an /etc/hosts, left over from the machine that they were made on. It makes no difference:
         whatever is at that name is covered.",
        &[man("mount", 2), kernel_doc("Overlay Filesystem", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "ls /tmp/web /tmp/merged/etc")?, "the files, and where they should be seen");
    stage.pause("an overlay with an empty upper directory is mounted above the image")?;
    Ok(image)
}
// ANCHOR_END: no_place

// ANCHOR: empty_files
fn empty_files(stage: &mut Stage) -> Result<()> {
    stage.step("empty files");
    stage.say(
        "So there is one more layer between the image and what the container writes: the init layer. What containers want
         and images need not have is made in it, once.",
    );
    let guess = stage.predict(
        "The init layer is going to have an etc/hostname. What is in this file?",
        &["the name of the container", "nothing", "localhost"],
    );

    ["dev", "proc", "sys"].iter().try_for_each(|dir| fs::mkdir(format!("merged/{dir}")))?;
    ["hostname", "hosts", "resolv.conf"]
        .iter()
        .try_for_each(|name| fs::create(format!("merged/etc/{name}"), ""))?;
    fs::symlink("/proc/mounts", "merged/etc/mtab")?;
    umount2("merged", UmountFlags::empty())?;

    let length = length("init/etc/hostname")?;
    stage.state("layers").new(&files("init")?, "names").new(&length, "empty").show();
    stage
        .check("the init layer has the names")
        .expect("etc/hostname  etc/hosts  etc/mtab  etc/resolv.conf")
        .saw(&files("init")?)?;
    stage.check("the file is empty").expect("0").saw(&length)?;
    let observed = if length.text == "0" { "nothing" } else { "the name of the container" };
    stage.reveal(
        guess,
        observed,
        "It is a place to mount something on, as are the directories dev, proc and sys. Nothing in it is about one
         container, so it could be shared like a layer of the image. Docker makes one for each container all the same,
         and tells it by its name, which ends in -init.",
    )?;
    stage.why(
        "That the init layer is a layer of its own, and not the first thing in the upper directory, has a reason: what is
         in the upper directory is what `docker diff` shows and `docker commit` takes.",
        &[man("symlink", 7), kernel_doc("Overlay Filesystem: multiple lower layers", "filesystems/overlayfs")],
    );
    stage.try_it(in_here(stage, "ls -lR /tmp/init")?, "the whole layer: lengths of 0");
    stage.pause("the init layer is made, and nothing is mounted")
}
// ANCHOR_END: empty_files

// ANCHOR: two_names
fn two_names(stage: &mut Stage, image: &Reading) -> Result<[Child; 2]> {
    stage.step("two containers, two names");
    stage.say(
        "Two containers of the one image: web and db. Each has an upper directory of its own above the init layer and the
         image, and its own three files bound over the empty ones.",
    );
    let init = fingerprint("init")?;
    stage.backstage(|| its_files("db", "db", "10.0.0.3"))?;
    let web = container(stage, "web")?;
    let db = container(stage, "db")?;

    let inside = |child: &Child, name: &str| file(format!("/proc/{}/root/etc/{name}", child.pid()));
    let mut table = stage.side_by_side("what each of them reads", "web", "db");
    for name in props::OWN {
        let (ones, others) = (inside(&web, name)?, inside(&db, name)?);
        let note = if ones.text == others.text { "alike, in two files" } else { "its own" };
        table = table.compare(&ones, &others, note);
    }
    table.show();
    for (child, name) in [(&web, "web"), (&db, "db")] {
        let claim = format!("the /etc/hostname of {name} is its own");
        stage.check(claim).expect(name).saw(&inside(child, "hostname")?)?;
        let hosts = inside(child, "hosts")?;
        let knows = hosts.text.lines().any(|line| line.ends_with(&format!(" {name}")));
        stage.check(format!("{name} finds itself in /etc/hosts")).saw((knows, &hosts.source))?;
        let claim = format!("there is nothing yet in the upper directory of {name}");
        stage.check(claim).expect("(empty)").saw(&listing(format!("{name}/upper"))?)?;
    }
    stage.check("the image is what it was").expect(image).saw(&fingerprint("image")?)?;
    stage.check("and so is the init layer").expect(&init).saw(&fingerprint("init")?)?;
    stage.why(
        "The name in /etc/hostname is a text that programs may read. What uname(2) answers comes from the UTS namespace,
         and a runtime has to set both.",
        &[man("uts_namespaces", 7), man("hosts", 5), man("resolv.conf", 5)],
    );
    stage.try_it(
        stage.scene().nsenter(
            web.pid(),
            "-m -u",
            "grep -h . /tmp/web/root/etc/hostname /tmp/web/root/etc/hosts",
        ),
        "the same, in the mounts of web",
    );
    stage.pause("both containers are running")?;
    Ok([web, db])
}

/// A container that has its files. It waits; then web does what the next step is about.
fn container(stage: &Stage, name: &'static str) -> Result<Child> {
    stage.child(name, Clone3::new().newns().newuts(), |inside| {
        mount_all(name)?;
        uts::sethostname(name)?;
        let (text, kernel) = (file(format!("{name}/root/etc/hostname"))?, file(HOSTNAME)?);
        inside.check("the file and the kernel say the same name").expect(&text).saw(&kernel)?;
        fs::chroot(format!("{name}/root"))?;
        fs::chdir("/")?;
        inside.hold()?;
        fs::append("/etc/hosts", "10.0.0.3 db\n")?;
        inside.hold()?;
        as_sed_does(inside)?;
        inside.hold()
    })
}
// ANCHOR_END: two_names

// ANCHOR: a_write
fn a_write(stage: &mut Stage, [mut web, db]: [Child; 2], image: &Reading) -> Result<()> {
    stage.step("a write to /etc/hosts");
    stage.say(
        "Inside of web somebody appends the line `10.0.0.3 db` to /etc/hosts, to find the other container.",
    );
    let guess = stage.predict(
        "web has an upper directory, a file beside it, and the init layer. Where is the line?",
        &["in the upper directory: a copy", "in the file beside it", "in the init layer: db has it, too"],
    );

    web.go_on();

    let (upper, beside) = (listing("web/upper")?, file("web/hosts")?);
    let (init, other) = (length("init/etc/hosts")?, file(format!("/proc/{}/root/etc/hosts", db.pid()))?);
    stage
        .state("after the write")
        .new(&upper, "nothing was copied up")
        .new(&beside.clone().labelled("web/hosts"), "the line is here")
        .new(&init, "as empty as before")
        .show();
    let has = |reading: &Reading| reading.text.lines().any(|line| line == "10.0.0.3 db");
    stage.check("the file beside the layers has the line").saw((has(&beside), &beside.source))?;
    stage.check("the upper directory is empty").expect("(empty)").saw(&upper)?;
    stage.check("the init layer is what it was").expect("0").saw(&init)?;
    let own = other.text.lines().filter(|line| line.ends_with(" db")).count();
    stage.check("the hosts of db has only its own line").expect(1usize).saw((own, &other.source))?;
    let observed = match (upper.text.as_str(), has(&beside)) {
        ("(empty)", true) => "in the file beside it",
        ("(empty)", false) => "in the init layer: db has it, too",
        _ => "in the upper directory: a copy",
    };
    stage.reveal(
        guess,
        observed,
        "A bind mount is in front of the overlay: the write does not come to the layers at all. So `docker commit` never
         takes a name or an address into an image, and `docker rm` removes them with the container.",
    )?;
    stage.say(
        "Then somebody wants to do it well, as `sed -i` does: a new file, and a rename to the old name.",
    );

    web.go_on();

    stage
        .check("an ordinary file of /etc did land in the upper directory")
        .expect("hosts.new")
        .saw(&listing("web/upper/etc")?)?;
    stage.check("the image is what it was").expect(image).saw(&fingerprint("image")?)?;
    stage.why(
        "\"sed: cannot rename /etc/sedQ4xT2b: Device or resource busy\" is this errno. In a container, /etc/hosts and
         /etc/resolv.conf are written in place, or better, given to the runtime: --add-host, --dns, --hostname.",
        &[man("rename", 2), man("mount", 2)],
    );
    stage.try_it(
        in_here(stage, "grep . /tmp/web/hosts /tmp/db/hosts")?,
        "both files, where the runtime has them",
    );
    stage.pause("web has got its line; [s] opens a shell beside it")?;
    web.finish()?;
    end(db)
}

/// In web: replace the file by a new one, then write it in place.
fn as_sed_does(inside: &Stage) -> Result<()> {
    fs::create("/etc/hosts.new", "127.0.0.1 localhost\n10.0.0.4 db\n")?;
    let refused = fs::rename("/etc/hosts.new", "/etc/hosts").refused();
    inside
        .check("a file on which something is mounted cannot be replaced")
        .expect(Errno::EBUSY)
        .saw((refused, "rename()"))?;
    inside.say("Written in place, it is no other file, and the mount stays what it is.");
    fs::create("/etc/hosts", "127.0.0.1 localhost\n10.0.0.4 db\n")?;
    let hosts = file("/etc/hosts")?;
    inside.check("the new line is there").saw((hosts.text.ends_with("10.0.0.4 db"), "/etc/hosts"))
}

/// db has nothing more to do: it goes with its maker's word, as a container that is stopped.
fn end(db: Child) -> Result<()> {
    crate::kernel::process::kill(db.pid(), crate::kernel::process::Sig::SIGKILL)?;
    db.wait().map(drop)
}
// ANCHOR_END: a_write
