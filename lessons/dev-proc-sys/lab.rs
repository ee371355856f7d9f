//! Fix: a container in which two paths were forgotten.

use std::path::Path;

use crate::container::masks::{self, MASKED, READ_ONLY};
use crate::error::Result;
use crate::kernel::Pid;
use crate::kernel::mount::{UmountFlags, umount2};
use crate::kernel::namespace::Kind as Namespace;
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside};
use crate::machine::Need;
use crate::probe::files::tells;
use crate::probe::mounts::{Mount, mounts};
use crate::probe::process::mount_access;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "two paths that were forgotten",
    needs: &[Need::Namespace(Namespace::Mnt)],
    begin,
    task,
    check,
    solve,
};

/// What can be forgotten: every kernel has these.
const OPEN: [&str; 3] = ["/proc/interrupts", "/proc/timer_list", "/sys/firmware"];
const WRITABLE: [&str; 3] = ["/proc/sys", "/proc/irq", "/proc/fs"];

/// The process that holds the scene plays the container: all is covered and protected, but for two paths.
fn begin(setting: &mut Setting) -> Result<()> {
    let forgotten =
        [OPEN[setting.draw("open", 0..=2) as usize], WRITABLE[setting.draw("writable", 0..=2) as usize]];
    setting.hold(move |_| {
        masks::apply()?;
        Ok(forgotten.iter().try_for_each(|path| umount2(path, UmountFlags::MNT_DETACH))?)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "In a container these paths are to tell nothing, as far as the kernel has them:

  {}

and these are to be read-only:

  {}

Of each list one was forgotten. This brings you into the container's mount namespace:

  {}

Find the two, and do for them what was done for the others. Everything else in /proc stays as it is.",
        MASKED.join("  "),
        READ_ONLY.join("  "),
        record.value("enter"),
    )
}

/// A path, as the container sees it.
fn seen_inside(record: &Record, path: &str) -> String {
    format!("/proc/{}/root{path}", record.holder_pid())
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    check_covered(record, exam);
    let mounts = mounts(record.holder_pid())?;
    let own = |path: &str| mounts.iter().any(|mount| mount.point == path);
    let there: Vec<&str> = READ_ONLY.into_iter().filter(|path| Path::new(path).exists()).collect();
    let open = there.iter().find(|path| !is_read_only(record, &mounts, path)).copied();
    let path = open.unwrap_or_default();
    let mistake = if own(path) {
        format!("{path} is a mount of its own now, and can still be written")
    } else {
        format!("{path} can be written")
    };
    exam.claim(
        "what is to be protected is read-only",
        open.is_none(),
        open.map_or("all of it".into(), |path| format!("{path} is rw")),
        format!("/proc/{}/mountinfo", record.holder_pid()),
    )
    .mistake(mistake)
    .hints([
        "compare the list with the mounts: grep ' /proc/' /proc/self/mountinfo, inside".into(),
        "a bind mount of a directory onto itself can be read-only while the rest is not".to_string(),
        format!("mount --rbind {path} {path}; mount -o remount,bind,ro {path}"),
    ]);

    let hidden = there.iter().find(|path| tells(path).text != tells(seen_inside(record, path)).text).copied();
    let path = hidden.unwrap_or_default();
    exam.claim(
        "and can be read",
        hidden.is_none(),
        hidden
            .map_or("all of it".into(), |path| format!("{path}: {}", tells(seen_inside(record, path)).text)),
        seen_inside(record, "/proc"),
    )
    .mistake(format!("{path} was covered: programs in a container want to read it"))
    .hints([
        "protected is not covered: it can be read as before".to_string(),
        "take the cover away, then bind the directory onto itself".into(),
        format!("umount {path}; mount --rbind {path} {path}; mount -o remount,bind,ro {path}"),
    ]);

    let access = mount_access(record.holder_pid(), "/proc")?;
    exam.claim("the rest of /proc is as it was", access.text == "rw", &access.text, &access.source)
        .mistake("all of /proc is read-only now: a process could not even change its own oom_score_adj")
        .hints([
            "what is mounted at /proc itself has to stay as it is",
            "the path that was forgotten wants a mount of its own",
            "mount -o remount,bind,rw /proc",
        ]);
    Ok(())
}

fn check_covered(record: &Record, exam: &mut Exam) {
    let talks = |path: &&str| !matches!(tells(seen_inside(record, path)).text.as_str(), "nothing" | "ENOENT");
    let open = MASKED.into_iter().find(talks);
    let path = open.unwrap_or_default();
    let cover = match Path::new(path).is_dir() {
        true => format!("mount -t tmpfs -o ro tmpfs {path}"),
        false => format!("mount --bind /dev/null {path}"),
    };
    exam.claim(
        "what is to be covered tells nothing",
        open.is_none(),
        open.map_or("nothing".into(), |path| format!("{path}: {}", tells(seen_inside(record, path)).text)),
        seen_inside(record, path),
    )
    .mistake(format!("{path} is not covered, as the container sees it"))
    .hints([
        "look for the path of the list that is no mount: grep -E ' /(proc|sys)/' /proc/self/mountinfo, inside".into(),
        "a file is covered by a bind mount of /dev/null, a directory by an empty tmpfs".to_string(),
        cover,
    ]);
}

/// Whether the mount that a path is on is read-only.
fn is_read_only(record: &Record, mounts: &[Mount], path: &str) -> bool {
    let holds = |mount: &&Mount| path == mount.point || path.starts_with(&format!("{}/", mount.point));
    let point = mounts.iter().filter(holds).map(|mount| &mount.point).max_by_key(|point| point.len());
    let access = point.and_then(|point| mount_access(record.holder_pid(), point).ok());
    access.is_some_and(|access| access.text == "ro")
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let [open, writable] =
        [OPEN[record.number("open") as usize], WRITABLE[record.number("writable") as usize]];
    inside(Pid::from_raw(record.holder_pid()), || {
        masks::cover(Path::new(open))?;
        Ok(masks::read_only(Path::new(writable))?)
    })?;
    Ok(None)
}
