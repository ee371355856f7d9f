//! `chroot`: another root directory for one process, and the ways back out of it.

mod lab;

use std::path::Path;

use crate::event::man;
use crate::image::tiny;
use crate::kernel::namespace::{Kind, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::{self, Errno, Refused, capability, fs};
use crate::machine::Need;
use crate::probe::files::identity;
use crate::probe::process::{namespace, status};
use crate::probe::{Reading, file, link};
use crate::stage::{Lesson, Result, Shown, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "chroot",
    title: "chroot, and the way out",
    minutes: 10,
    builds_on: &["mount"],
    steps: 5,
    needs: &[Need::Namespace(Kind::Mnt)],
    run,
    lab: lab::LAB,
};

/// A file of the host's. The jail is a directory beside it.
const SECRET: &str = "/tmp/secret";
const JAIL: &str = "/tmp/jail";

fn run(stage: &mut Stage) -> Result<()> {
    another_root(stage)?;
    a_foot_outside(stage)?;
    the_classic_way_out(stage)?;
    a_descriptor(stage)?;
    what_holds(stage)
}

// ANCHOR: another_root
fn another_root(stage: &mut Stage) -> Result<()> {
    stage.step("another root directory");
    stage.say(
        "For each process the kernel keeps the directory at which paths with a slash in front begin: its root.
         chroot changes it. We put the programs for a shell into the directory /tmp/jail, and a file beside it,
         which is the host's. The host is played by a mount namespace of the lesson's own.",
    );
    fs::mkdir(JAIL)?;
    stage.backstage(|| tiny::build(Path::new(JAIL)))?;
    fs::create(SECRET, "42\n")?;
    let jail = identity(JAIL)?;

    let jailed = stage.child("jailed", Clone3::new(), |jailed| {
        enter_jail()?;
        jailed.check("inside, / is the directory jail").expect(&jail).saw(&identity("/")?)?;
        jailed
            .check("and the path of the host's file leads nowhere")
            .expect(Errno::ENOENT)
            .saw(&read(SECRET))?;
        jailed.hold()
    })?;

    let pid = jailed.pid();
    let mounts = (namespace("self", Kind::Mnt)?, namespace(pid, Kind::Mnt)?);
    stage
        .side_by_side("two processes", "host", "jailed")
        .compare(&link("/proc/self/root")?, &root_of(pid)?, "where / leads")
        .compare(&mounts.0, &mounts.1.clone().labelled("ns/mnt"), "one mount table")
        .show();
    stage.check("its root is another directory").expect(JAIL).saw(&root_of(pid)?)?;
    stage.check("its mount namespace is the host's").expect(&mounts.0).saw(&mounts.1)?;
    stage.why(
        "The call is from 1979. It was made to build and install a system in a directory beside the one that
         runs, not to lock anybody up. It sets one field of one process, which children inherit; there is no new
         table of mounts, and nothing of the host is taken away.",
        &[man("chroot", 2), man("path_resolution", 7)],
    );
    stage.try_it(stage.scene().nsenter(pid, "-m -r", "ls /"), "with its root: the jail");
    stage.try_it(stage.scene().nsenter(pid, "-m", "ls /tmp"), "the same mounts, without it");
    stage.pause("a process sits in the jail")?;
    jailed.finish()
}
// ANCHOR_END: another_root

// ANCHOR: a_foot_outside
fn a_foot_outside(stage: &mut Stage) -> Result<()> {
    stage.step("a foot outside");
    stage.say(
        "A process has two directories: the root, where paths with a slash in front begin, and the working
         directory, where all others do. The next child stands in /tmp. It calls chroot, and nothing more.",
    );
    let guess = stage.predict(
        "Its root is the jail now. It opens `secret`, without a slash. What does it get?",
        &["ENOENT: there is no such file in the jail", "42: the host's file"],
    );

    let jailed = stage.child("jailed", Clone3::new(), |jailed| {
        fs::chroot(JAIL)?;
        let (absolute, relative) = (read(SECRET), read("secret"));
        jailed.check("with a slash, the file is not there").expect(Errno::ENOENT).saw(&absolute)?;
        jailed.check("without one, it is").expect("42").saw(&relative)?;
        let observed = match relative.text.as_str() {
            "42" => "42: the host's file",
            _ => "ENOENT: there is no such file in the jail",
        };
        jailed.reveal(
            guess,
            observed,
            "chroot does not touch the working directory. From there each `..` leads on upwards, as far as the
             host's own root.",
        )?;
        jailed.hold()
    })?;

    let pid = jailed.pid();
    let cwd = cwd_of(pid)?;
    stage
        .state("what the kernel has for the process")
        .new(&root_of(pid)?, "the jail")
        .new(&cwd, "outside of it")
        .show();
    stage.check("it stands outside of its root").expect("/tmp").saw(&cwd)?;
    stage.why(
        "The manual page says so in a note: the call does not change the working directory. So two calls belong
         together, chroot and chdir(\"/\"), as chroot(8) does it. Many a daemon has had the first one only.",
        &[man("chroot", 2), man("chdir", 2)],
    );
    stage.try_it(format!("readlink /proc/{pid}/root /proc/{pid}/cwd"), "two directories of one process");
    stage.pause("the process has its root in the jail, and stands beside it")?;
    jailed.finish()
}
// ANCHOR_END: a_foot_outside

// ANCHOR: the_classic_way_out
fn the_classic_way_out(stage: &mut Stage) -> Result<()> {
    stage.step("the classic way out");
    stage.say("The next one does it right: chroot, then chdir. It keeps root's powers.");
    let guess = stage.predict(
        "It stands in the jail. Can mkdir, chdir and chroot bring it to the host's file?",
        &["no: above the jail there is nothing for it", "yes"],
    );

    let mut jailed = stage.child("jailed", Clone3::new(), |jailed| {
        enter_jail()?;
        let up = (identity("/")?, identity("/..")?);
        jailed.check("at its root, .. leads to the root").expect(&up.0).saw(&up.1)?;
        jailed.hold()?;
        leave()?;
        jailed.check("it reads the host's file").expect("42").saw(&read(SECRET))?;
        jailed.hold()
    })?;

    let pid = jailed.pid();
    let before = root_of(pid)?;
    jailed.go_on();
    let after = root_of(pid)?;
    stage.state("kernel state").compare(&before, &after, "out").show();
    stage.check("its root is the host's").expect(&link("/proc/self/root")?).saw(&after)?;
    let observed =
        if after.text == before.text { "no: above the jail there is nothing for it" } else { "yes" };
    stage.reveal(
        guess,
        observed,
        "A process has one root, not a stack of them. The second chroot moved it below the place where the process
         stands, and with that the first one was forgotten.",
    )?;
    stage.why(
        "When a path is walked, `..` stays where it is in one place only: the process's root. In every other
         directory it leads up. After chroot(\"/exit\") the process stands above its root, and on the way up it never
         comes by it. This needs CAP_SYS_CHROOT, which Docker leaves to a container: so a container's root cannot be
         a matter of chroot.",
        &[man("chroot", 2), man("path_resolution", 7)],
    );
    stage.try_it(format!("readlink /proc/{pid}/root"), "the host's root");
    stage.pause("the process is out")?;
    jailed.finish()
}

/// Four calls. At the top there are more `..` than it takes: they do no harm.
pub(super) fn leave() -> kernel::Result<()> {
    fs::mkdir("/exit")?;
    fs::chroot("/exit")?;
    fs::chdir("../../../../../..")?;
    fs::chroot(".")
}
// ANCHOR_END: the_classic_way_out

// ANCHOR: a_descriptor
fn a_descriptor(stage: &mut Stage) -> Result<()> {
    stage.step("a descriptor that was left open");
    stage.say(
        "So root's powers have to go: the next one gives up every capability. But before it went into the jail it
         has opened a directory, and it has forgotten that.",
    );
    let guess = stage.predict(
        "It has no capability, and a directory of the host is open. The host's file?",
        &["EPERM: it may not leave", "ENOENT: its root is the jail", "42: it reads it"],
    );

    let jailed = stage.child("jailed", Clone3::new(), |jailed| {
        let forgotten = fs::open("/tmp")?;
        enter_jail()?;
        capability::capset(capability::Set::empty())?;
        let refused = fs::chroot("/bin").refused();
        jailed.check("it may not call chroot any more").expect(Errno::EPERM).saw((refused, "chroot()"))?;
        let way = fs::fchdir(&forgotten).refused();
        let secret = read("secret");
        jailed.check("but it reads the host's file").expect("42").saw(&secret)?;
        let observed = match (way, secret.text.as_str()) {
            (Some(_), _) => "EPERM: it may not leave",
            (None, "42") => "42: it reads it",
            (None, _) => "ENOENT: its root is the jail",
        };
        jailed.reveal(
            guess,
            observed,
            "A descriptor stands for the directory itself, not for a path to it. The root plays no part when it
             is used, and to change to a directory that is open takes no capability.",
        )?;
        jailed.hold()
    })?;

    let pid = jailed.pid();
    let powers = status(pid, "CapEff")?;
    stage
        .state("what the kernel has for the process")
        .new(&powers, "none")
        .new(&root_of(pid)?, "still the jail")
        .new(&cwd_of(pid)?, "the host's")
        .show();
    stage.check("it has no capability").expect("0000000000000000").saw(&powers)?;
    stage.check("and stands outside").expect("/tmp").saw(&cwd_of(pid)?)?;
    stage.why(
        "In 2024 this was a hole in runc, CVE-2024-21626: a directory of the host was open when the container's
         program started, and an image that named /proc/self/fd/7 as its working directory was outside.
         pivot_root does not help against it. Every descriptor has to be closed, or be marked O_CLOEXEC.",
        &[man("open", 2), man("chdir", 2), man("capabilities", 7)],
    );
    stage.try_it(format!("ls -l /proc/{pid}/fd"), "what is open");
    stage.pause("a process without any power is outside")?;
    jailed.finish()
}
// ANCHOR_END: a_descriptor

// ANCHOR: what_holds
fn what_holds(stage: &mut Stage) -> Result<()> {
    stage.step("what holds, and what does not");
    stage.say(
        "Root changed, working directory changed, nothing open, no capability: this one stays where it is. One
         way is left to try. In a user namespace of its own it would have every capability again.",
    );
    let jailed = stage.child("jailed", Clone3::new(), |jailed| {
        enter_jail()?;
        capability::capset(capability::Set::empty())?;
        let refused = fs::chroot("/bin").refused();
        jailed.check("chroot is refused").expect(Errno::EPERM).saw((refused, "chroot()"))?;
        fs::chdir("..")?;
        jailed.check(".. leads nowhere").expect(&identity("/")?).saw(&identity(".")?)?;
        let refused = unshare(&[Kind::User]).refused();
        jailed
            .check("no user namespace is made in a chroot")
            .expect_other_than("granted")
            .saw((refused, "unshare()"))?;
        jailed.check("the host's file is out of reach").expect(Errno::ENOENT).saw(&read(SECRET))?;
        jailed.hold()
    })?;

    let pid = jailed.pid();
    let own = namespace("self", Kind::Mnt)?;
    stage.check("it is in the jail").expect(JAIL).saw(&root_of(pid)?)?;
    stage.check("and has all of the host's mounts still").expect(&own).saw(&namespace(pid, Kind::Mnt)?)?;
    stage.why(
        "Since Linux 3.9 the kernel makes no user namespace for a process whose root is not that of its mount
         namespace, for the very reason that you have seen. A jail of chroot holds as long as nobody in it has
         CAP_SYS_CHROOT, nobody outside hands a directory in, and no hole in the kernel gives power back. What
         is behind the wall is still mounted: it is better if there is nothing. That is pivot_root.",
        &[man("user_namespaces", 7), man("pivot_root", 2)],
    );
    stage.try_it(format!("grep Cap /proc/{pid}/status"), "CapPrm and CapEff: nothing is left");
    stage.pause("the process is in the jail, and has no way out that we know")?;
    jailed.finish()
}
// ANCHOR_END: what_holds

/// Both calls that it takes.
fn enter_jail() -> kernel::Result<()> {
    fs::chroot(JAIL)?;
    fs::chdir("/")
}

/// What comes of reading a file: what it says, or why not.
pub(super) fn read(path: &str) -> Reading {
    let text = file(path).map_or_else(
        |refused| refused.errno.map_or(refused.why, |errno| errno.shown()),
        |reading| reading.text,
    );
    Reading::new(path, path, text)
}

fn root_of(pid: kernel::Pid) -> Result<Reading> {
    Ok(link(format!("/proc/{pid}/root"))?)
}

fn cwd_of(pid: kernel::Pid) -> Result<Reading> {
    Ok(link(format!("/proc/{pid}/cwd"))?)
}
