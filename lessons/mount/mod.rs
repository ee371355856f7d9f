//! Mount namespaces: a mount table of one's own, and what gets through nevertheless.

mod lab;

use crate::event::{kernel_doc, man};
use crate::kernel::mount::{Flags, UmountFlags, bind, make_private, mount, umount2};
use crate::kernel::namespace::Kind;
use crate::kernel::process::{Clone3, getpid, getppid};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::files::listing;
use crate::probe::process::{mounts_below, namespace, propagation};
use crate::probe::{Reading, file};
use crate::stage::{Lesson, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "mount",
    title: "Mount namespace",
    minutes: 9,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Mnt)],
    run,
    lab: lab::LAB,
};

/// A directory whose mounts are shared, as those of a whole machine are under systemd.
const SHARED: &str = "/tmp/shared";
/// In it: where the container mounts something, and where the host does.
const DATA: &str = "/tmp/shared/data";
const DISK: &str = "/tmp/shared/disk";

fn run(stage: &mut Stage) -> Result<()> {
    a_mount_that_gets_out(stage)?;
    a_mount_of_its_own(stage)?;
    one_way(stage)?;
    four_types(stage)
}

// ANCHOR: a_mount_that_gets_out
fn a_mount_that_gets_out(stage: &mut Stage) -> Result<()> {
    stage.step("a mount that gets out");
    stage.say(
        "A mount namespace is a mount table of one's own. It begins as a copy of its maker's. We make one, and
         mount something in it, in a directory that is mounted as everything is on a machine with systemd: shared.
         All this is in a mount namespace that the lesson has for itself, and that plays the host.",
    );
    fs::mkdir(SHARED)?;
    mount_tmpfs(SHARED)?;
    mount("", SHARED, "", Flags::MS_SHARED, "")?;
    fs::mkdir(DATA)?;
    fs::mkdir(DISK)?;
    let before = mounts_below("self", SHARED)?;
    let guess = stage.predict(
        "A child with a mount table of its own mounts a tmpfs at /tmp/shared/data. Who has it in his table?",
        &["the child alone", "the child and the host"],
    );

    let container = stage.child("container", Clone3::new().newns(), |inside| {
        mount_tmpfs(DATA)?;
        fs::create("/tmp/shared/data/secret", "42\n")?;
        inside.check("the child has the mount").expect("data").saw(&mounts_below("self", SHARED)?)?;
        inside.hold()
    })?;

    let (own, its) = (namespace("self", Kind::Mnt)?, namespace(container.pid(), Kind::Mnt)?);
    let leaked = mounts_below("self", SHARED)?;
    stage
        .state("the host's mount table")
        .new(&propagation("self", SHARED)?, "how the directory is mounted")
        .compare(&before, &leaked, "not the host's doing")
        .show();
    stage.check("they are two mount namespaces").expect_other_than(&own).saw(&its)?;
    stage.check("but the mount has got out").expect("data").saw(&leaked)?;
    stage.check("with all that is in it").expect("secret").saw(&listing(DATA)?)?;
    let observed = if leaked == before { "the child alone" } else { "the child and the host" };
    stage.reveal(
        guess,
        observed,
        "The copy of a shared mount is its peer, and peers tell each other of every mount and unmount. A mount
         namespace alone separates nothing.",
    )?;
    stage.check("your own mount table has none of it").expect("(none)").saw(&learners_mounts(stage)?)?;
    stage.why(
        "The kernel's default is private; systemd makes / shared when it starts, so that a disk that you plug in
         appears in services that have a mount namespace, too. So a program that calls unshare(CLONE_NEWNS) and
         no more has all its mounts on the host. unshare(1) adds the step that is missing here by itself.",
        &[man("mount_namespaces", 7), kernel_doc("Shared Subtrees", "filesystems/sharedsubtree")],
    );
    stage.try_it(format!("grep {SHARED} /proc/{}/mountinfo", stage.backstage(getpid)?), "the host's table");
    stage.pause("the mount is in both tables")?;

    stage.say("Now the child ends, and its mount namespace with it.");
    container.finish()?;
    let left = mounts_below("self", SHARED)?;
    stage.check("what has leaked stays behind").expect("data").saw(&left)?;
    umount2(DATA, UmountFlags::empty())?;
    stage.pause("the host has cleared up what the child has left")
}
// ANCHOR_END: a_mount_that_gets_out

// ANCHOR: a_mount_of_its_own
fn a_mount_of_its_own(stage: &mut Stage) -> Result<()> {
    stage.step("a mount of its own");
    stage.say(
        "The right way round: before the child mounts anything, it makes every mount in its table private. That
         is one call, with MS_REC for \"and all below\".",
    );
    let before = mounts_below("self", SHARED)?;
    let guess = stage.predict(
        "The child then mounts its tmpfs, with a file in it. Can root on the host read that file?",
        &["no: it is in another mount table", "yes, through /proc/PID/root", "yes, at the same path"],
    );

    let container = stage.child("container", Clone3::new().newns(), |inside| {
        make_private("/")?;
        let before = mounts_below("self", SHARED)?;
        mount_tmpfs(DATA)?;
        fs::create("/tmp/shared/data/secret", "42\n")?;
        let after = mounts_below("self", SHARED)?;
        inside
            .state("the container's mount table")
            .new(&propagation("self", SHARED)?, "private: it tells nobody")
            .compare(&before, &after, "a mount of its own")
            .show();
        inside.check("inside, the mount is there").expect("data").saw(&after)?;
        inside.check("and the file in it").expect("secret").saw(&listing(DATA)?)?;
        inside.hold()
    })?;

    let after = mounts_below("self", SHARED)?;
    stage
        .state("the host's mount table")
        .new(&propagation("self", SHARED)?, "still shared")
        .compare(&before, &after, "")
        .show();
    stage.check("the host's table is what it was").expect(&before).saw(&after)?;
    let here = listing(DATA)?;
    stage.check("on the host the directory is empty").expect("(empty)").saw(&here)?;
    let through = file(format!("/proc/{}/root{DATA}/secret", container.pid()));
    let observed = match (&through, here.text.as_str()) {
        (_, "secret") => "yes, at the same path",
        (Ok(_), _) => "yes, through /proc/PID/root",
        (Err(_), _) => "no: it is in another mount table",
    };
    stage.check("but /proc leads to it").expect("42").saw(&through?)?;
    stage.reveal(
        guess,
        observed,
        "A mount table says where things are, not who may have them. /proc/PID/root looks with the eyes of that
         process, for whoever may trace it. A container's files are no secret from the host's root.",
    )?;
    stage.why(
        "The order counts: private first, then mount. Runtimes go one step further and exchange the root, so
         that nothing of the host's table is left inside; that is what pivot_root is for.",
        &[man("mount", 2), man("unshare", 1), man("proc_pid_root", 5)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-m", "ls -l /tmp/shared/data"), "inside");
    stage.try_it(format!("ls -l /proc/{}/root{DATA}", container.pid()), "the same, from outside");
    stage.pause("the container's mount is its own")?;
    container.finish()
}
// ANCHOR_END: a_mount_of_its_own

// ANCHOR: one_way
fn one_way(stage: &mut Stage) -> Result<()> {
    stage.step("one way only");
    stage.say(
        "There is something between shared and private. The child makes its copy a slave (MS_SLAVE). Then both
         mount something: the host at /tmp/shared/disk, the child at /tmp/shared/data.",
    );
    let guess = stage.predict(
        "Which of the two mounts appears on the other side?",
        &["neither", "the host's", "the child's", "both"],
    );

    let mut container = stage.child("container", Clone3::new().newns(), |inside| {
        let before = propagation("self", SHARED)?;
        mount("", SHARED, "", Flags::MS_SLAVE, "")?;
        let after = propagation("self", SHARED)?;
        inside.state("the container's mount").compare(&before, &after, "it has a master now").show();
        inside.check("it is a slave").expect("master").saw(&after)?;
        inside.hold()?;
        mount_tmpfs(DATA)?;
        inside.hold()
    })?;
    mount_tmpfs(DISK)?;
    container.go_on();

    let (host, its) = (mounts_below("self", SHARED)?, mounts_below(container.pid(), SHARED)?);
    stage.side_by_side("mount tables", "host", "container").compare(&host, &its, "").show();
    stage.check("the host's mount has got in").expect("disk data").saw(&its)?;
    stage.check("the child's has not got out").expect("disk").saw(&host)?;
    let observed = match (its.text.contains("disk"), host.text.contains("data")) {
        (false, false) => "neither",
        (true, false) => "the host's",
        (false, true) => "the child's",
        (true, true) => "both",
    };
    stage.reveal(
        guess,
        observed,
        "A slave listens to its master and says nothing. This is how a container gets a disk that is plugged in
         while it runs, and cannot disturb the host.",
    )?;
    stage.why(
        "mountinfo says `shared:N` for a member of peer group N and `master:N` for a slave of it. A mount can be
         both, slave of one group and member of the next. One that was made private has left its peers for good:
         made shared again, it founds a group of its own.",
        &[man("mount_namespaces", 7), man("proc_pid_mountinfo", 5)],
    );
    stage.try_it(
        format!(
            "grep {SHARED} /proc/{}/mountinfo /proc/{}/mountinfo",
            stage.backstage(getpid)?,
            container.pid()
        ),
        "both tables: look for shared and master",
    );
    stage.pause("the host has one mount there, the container two")?;
    umount2(DISK, UmountFlags::empty())?;
    let left = mounts_below(container.pid(), SHARED)?;
    stage.check("an unmount gets in as well").expect("data").saw(&left)?;
    container.finish()
}
// ANCHOR_END: one_way

// ANCHOR: four_types
fn four_types(stage: &mut Stage) -> Result<()> {
    stage.step("four types");
    stage.say("The same for each of the four types that there are: what gets in, and what gets out?");
    let types = [
        ("shared", Flags::MS_SHARED, ["yes", "yes"]),
        ("slave", Flags::MS_SLAVE, ["yes", "no"]),
        ("private", Flags::MS_PRIVATE, ["no", "no"]),
        ("unbindable", Flags::MS_UNBINDABLE, ["no", "no"]),
    ];
    let mut table = stage.side_by_side("what crosses", "host's in", "container's out");
    for (name, flag, expected) in types {
        let Crossing { tag, inwards, outwards } = crossing(stage, flag)?;
        let seen = vec![&inwards, &outwards];
        stage
            .check(format!("{name}: what gets in, and what gets out"))
            .expect(expected)
            .saw((seen, "mountinfo of both"))?;
        table = table.compare(&inwards, &outwards.labelled(name), &format!("mountinfo says {tag}"));
    }
    table.show();

    stage.say(
        "The last two seem to be the same. The difference is what becomes of them in a bind mount, which shows a
         directory at a second place.",
    );
    let guess = stage.predict(
        "A mount is unbindable. What does mount() with MS_BIND answer, asked by root?",
        &["it works: root may", "EINVAL", "EPERM"],
    );
    fs::mkdir("/tmp/copy")?;
    make_private(SHARED)?;
    bind(SHARED, "/tmp/copy")?;
    stage.check("a private mount can be bound").expect("data  disk").saw(&listing("/tmp/copy")?)?;
    umount2("/tmp/copy", UmountFlags::empty())?;
    mount("", SHARED, "", Flags::MS_UNBINDABLE, "")?;
    let refused = bind(SHARED, "/tmp/copy").refused();
    stage.check("an unbindable one cannot").expect(Errno::EINVAL).saw((refused, "mount()"))?;
    let observed = refused.map_or("it works: root may".into(), |errno| errno.shown());
    stage.reveal(
        guess,
        &observed,
        "It is not a matter of permission: such a mount may not be a source. The type was made for trees that are
         bound into themselves again and again, and would otherwise double each time.",
    )?;
    stage.why(
        "`docker run -v /src:/dst` makes a bind mount, private unless told otherwise; `:rslave` and `:rshared` after
         the path choose another type, and \"is not a shared mount\" means that the host's side is private.
         Kubernetes calls them None, HostToContainer and Bidirectional.",
        &[man("mount_namespaces", 7), man("mount", 8), kernel_doc("Shared Subtrees", "filesystems/sharedsubtree")],
    );
    stage.try_it(
        format!("grep {SHARED} /proc/{}/mountinfo", stage.backstage(getpid)?),
        "unbindable, in a table",
    );
    stage.pause("the directory cannot be bound to another place")
}
// ANCHOR_END: four_types

/// What became of two mounts, one made by the host, the other by the container.
struct Crossing {
    /// What mountinfo calls the container's copy.
    tag: Reading,
    inwards: Reading,
    outwards: Reading,
}

/// A container changes its copy of the shared mount, then both sides mount something.
fn crossing(stage: &Stage, flag: Flags) -> Result<Crossing> {
    let mut container = stage.child("container", Clone3::new().newns(), |inside| {
        mount("", SHARED, "", flag, "")?;
        inside.hold()?;
        inside.backstage(|| mount_tmpfs(DATA))?;
        inside.hold()
    })?;
    stage.backstage(|| mount_tmpfs(DISK))?;
    container.go_on();
    let (inside, outside) = (mounts_below(container.pid(), SHARED)?, mounts_below("self", SHARED)?);
    let tag = propagation(container.pid(), SHARED)?;
    let has = |table: Reading, name: &str| {
        let text = table.text.split(' ').any(|mounted| mounted == name).shown();
        Reading { text, ..table }
    };
    let crossing = Crossing { tag, inwards: has(inside, "disk"), outwards: has(outside, "data") };
    stage.backstage(|| {
        umount2(DISK, UmountFlags::empty())?;
        if crossing.outwards.text == "yes" { umount2(DATA, UmountFlags::empty()) } else { Ok(()) }
    })?;
    container.finish()?;
    Ok(crossing)
}

fn mount_tmpfs(target: &str) -> crate::kernel::Result<()> {
    mount("tmpfs", target, "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "size=1m")
}

/// The mount table of the process that the learner has started, which the lesson's processes have left.
fn learners_mounts(stage: &Stage) -> Result<Reading> {
    let director = stage.backstage(getppid)?;
    let reading = mounts_below(director, SHARED)?;
    Ok(Reading { source: "/proc/PPID/mountinfo".into(), ..reading })
}
