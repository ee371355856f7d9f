//! Do: give a process another root, and nothing of the host's.

use crate::container::{devices, root};
use crate::error::{Error, Result};
use crate::image::tiny;
use crate::kernel::mount::{bind, make_private};
use crate::kernel::namespace::{Kind as Namespace, map_self_to_root};
use crate::kernel::process::Clone3;
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, lasting, program};
use crate::machine::{Machine, Mode, Need};
use crate::probe;
use crate::probe::mounts::{Mount, mounts, own_mounts};
use crate::probe::process::{command_line, listed, namespace};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a root, and no host behind it",
    needs: &[Need::Namespace(Namespace::Mnt), Need::Namespace(Namespace::Pid), Need::Proc],
    begin,
    task,
    check,
    solve,
};

/// A file in the image that no other root directory has.
const MARK: &str = "etc/scene";

fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    let mark = setting.draw_name("mark", "scene");
    let root = setting.directory()?.join("root");
    fs::mkdir(&root)?;
    tiny::build(&root)?;
    fs::create(root.join(MARK), mark)?;
    setting.remember("root", root.display().to_string());
    let user = if setting.mode().is_rootless() { " --user --map-root-user" } else { "" };
    setting.remember("unshare", format!("unshare{user}"));
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Start the program

  sleep {seconds}

in a mount namespace of its own. Its root directory is the image that was made for you,

  {root}

and nothing that the host has mounted is in its mount table any more. It must be running when you check. `{unshare}`,
mount(8), pivot_root(8) and umount(8) are enough; umount wants to read /proc/self, and finds it in a /proc that belongs
to a PID namespace of your own.",
        unshare = record.value("unshare"),
        seconds = record.value("seconds"),
        root = record.value("root"),
    )
}

fn wanted(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

/// The process, by the command line that nobody else has.
fn find(record: &Record) -> Option<u64> {
    let wanted = wanted(record);
    listed().ok()?.into_iter().find(|pid| command_line(pid).is_ok_and(|line| line.text == wanted))
}

/// Everything, from the first line to the last.
fn way(record: &Record) -> String {
    let root = record.value("root");
    format!(
        "{} --mount --pid --fork sh -c 'mount --bind {root} {root}; cd {root}; mkdir -p old; pivot_root . old; cd /; \
         mount -t proc proc /proc; umount -l /old; exec {}' &",
        record.value("unshare"),
        wanted(record)
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let found = find(record);
    let seen = found.map_or("no such process".into(), |pid| format!("process {pid}"));
    exam.claim(format!("`{}` is running", wanted(record)), found.is_some(), seen, "/proc/*/cmdline")
        .mistake("start it, and leave it running in another terminal or with & at the end")
        .hints([
            "begin with a shell in a mount namespace: unshare --mount".into(),
            format!(
                "{} --mount --pid --fork sh, and in there one call after the other",
                record.value("unshare")
            ),
            way(record),
        ]);
    let Some(pid) = found else { return Ok(()) };
    let again = format!("kill {pid}; {}", way(record));

    let (own, its) = (namespace("self", Namespace::Mnt)?, namespace(pid, Namespace::Mnt)?);
    exam.claim("its mount namespace is its own", own.text != its.text, &its.text, &its.source)
        .mistake("it is in the host's mount namespace: there is nothing to exchange")
        .hints([
            "compare `readlink /proc/self/ns/mnt` with that of the process",
            "unshare(1) has the flag --mount",
            &again,
        ]);
    if own.text == its.text {
        return Ok(());
    }
    check_root(record, exam, pid, &again);
    check_table(exam, pid, &again)
}

fn check_root(record: &Record, exam: &mut Exam, pid: u64, again: &str) {
    let source = format!("/proc/{pid}/root/{MARK}");
    let seen = probe::file(&source).map_or_else(|_| "no such file".into(), |reading| reading.text);
    exam.claim("its root is the image", seen == record.value("mark"), seen, source)
        .mistake("its root directory is another one: it sees other files than those of the image")
        .hints([
            "pivot_root wants a mount as the new root, and a directory is none",
            "mount --bind DIRECTORY DIRECTORY makes it one; cd into it after that, not before",
            again,
        ]);
}

fn check_table(exam: &mut Exam, pid: u64, again: &str) -> Result<()> {
    let all = all_mounts(pid)?;
    let host = mounts("self")?;
    let left: Vec<&Mount> = all.iter().filter(|its| host.iter().any(|own| own.shows_the_same(its))).collect();
    let below_root = mounts(pid)?;
    let at_top = left.iter().any(|mount| !below_root.contains(mount));
    let on_top = |mount: &Mount| all.iter().rfind(|other| other.point == mount.point) == Some(mount);
    let covered = left.first().is_some_and(|mount| !on_top(mount));
    let place = left.first().map_or("", |mount| &mount.point);
    let mistake = if at_top {
        "chroot has changed the root of the process alone: in its mount namespace the host is still mounted"
            .into()
    } else if covered {
        format!("something was mounted over {place}: what is below is hidden, and still mounted")
    } else {
        format!("the host's files are still mounted, at {place}")
    };
    let seen = match left.len() {
        0 => "none".into(),
        count => format!("{count}, the first at {place}"),
    };
    exam.claim(
        "its mount table holds nothing of the host",
        left.is_empty(),
        seen,
        format!("/proc/{pid}/mountinfo, and what is above its root"),
    )
    .mistake(mistake)
    .hints([
        "pivot_root does not take the old root away: it moves it to the second directory",
        "umount -l takes a tree of mounts out of the table, whether it is in use or not",
        again,
    ]);
    Ok(())
}

/// Every mount of the namespace, even those that are above the root of the process.
fn all_mounts(pid: u64) -> Result<Vec<Mount>> {
    let proc = fs::open("/proc")?;
    let told = ask_inside(Pid::from_raw(pid as i32), || {
        let told = serde_json::to_string(&own_mounts(&proc)?);
        told.map_err(|error| Error::Lesson(error.to_string()))
    })?;
    serde_json::from_str(&told).map_err(|error| Error::Lesson(error.to_string()))
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let mode = Machine::examine().mode;
    let clone = Clone3::new().newpid().newns();
    let clone = if matches!(mode, Ok(Mode::UserNamespace { .. })) { clone.newuser() } else { clone };
    let set = || {
        if let Ok(Mode::UserNamespace { uid, gid }) = mode {
            map_self_to_root(uid, gid)?;
        }
        make_private("/")?;
        bind(record.value("root"), record.value("root"))?;
        root::enter(record.value("root").as_ref())?;
        devices::mount_proc()?;
        Ok(root::forget_old_root()?)
    };
    lasting(ledger, || program(clone, set, "/bin/sleep", &["sleep", record.value("seconds")]).map(drop))?;
    Ok(None)
}
