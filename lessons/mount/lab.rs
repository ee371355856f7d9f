//! Fix: a container whose mounts appear on the host.

use crate::error::Result;
use crate::kernel::mount::{Flags, mount};
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, fs};
use crate::lab::{Exam, Kind, Lab, Record, Setting, inside, resident};
use crate::machine::Need;
use crate::probe::process::{mount_points, named, propagation_tags};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Fix,
    title: "a container whose mounts get out",
    needs: &[Need::Namespace(Namespace::Mnt)],
    begin,
    task,
    check,
    solve,
};

const MEDIA: &str = "/tmp/media";

/// The process that holds the scene plays the container; another one, with a table of its own, the host.
fn begin(setting: &mut Setting) -> Result<()> {
    let host = setting.draw_name("host", "metal");
    let disk = format!("{MEDIA}/{}", setting.draw_name("disk", "disk"));
    let cache = format!("{MEDIA}/{}", setting.draw_name("cache", "cache"));
    setting.hold(move |_| {
        fs::mkdir(MEDIA)?;
        mount_tmpfs(MEDIA)?;
        mount("", MEDIA, "", Flags::MS_SHARED, "")?;
        fs::mkdir(&disk)?;
        fs::mkdir(&cache)?;
        resident(Clone3::new().newns(), || {
            set_name(&host)?;
            mount_tmpfs(&disk)
        })?;
        mount_tmpfs(&cache)
    })?;
    let enter = setting.nsenter("-m", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn mount_tmpfs(target: &str) -> Result<()> {
    Ok(mount("tmpfs", target, "tmpfs", Flags::MS_NOSUID | Flags::MS_NODEV, "size=1m")?)
}

fn task(record: &Record) -> String {
    format!(
        "A container sees the disks that the host mounts in {MEDIA}: one is at {MEDIA}/{disk}. But what the
         container mounts there appears on the host, too: it has mounted {MEDIA}/{cache}, and the host has it.
         This brings you into the container:\n\n  \
         {enter}\n\n\
         The host is the process with the name {host}. Repair it, without touching the host: from now on mounts
         that the container makes in {MEDIA} stay inside, and those that the host makes still get in. What is
         mounted in the container stays mounted.",
        disk = record.value("disk"),
        cache = record.value("cache"),
        enter = record.value("enter"),
        host = record.value("host"),
    )
}

/// The peer groups of a mount: those that it is a member of, and those that it is a slave of.
struct Groups {
    tags: Vec<String>,
}

impl Groups {
    fn of(pid: u64) -> Self {
        // No mount at all is in no group.
        Self { tags: propagation_tags(pid, MEDIA).unwrap_or_default() }
    }

    fn shared(&self) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix("shared:"))
    }

    fn master(&self) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix("master:"))
    }

    /// Whether what is mounted there appears here.
    fn gets_from(&self, other: &Groups) -> bool {
        let source = other.shared();
        source.is_some() && (self.shared() == source || self.master() == source)
    }
}

impl std::fmt::Display for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(if self.tags.is_empty() { "private" } else { "" })?;
        f.write_str(&self.tags.join(" "))
    }
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let container = record.holder_pid() as u64;
    let Some(host) = named(record.value("host")) else {
        exam.claim("the host is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset mount`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start mount"]);
        return Ok(());
    };
    for (what, name) in [("the disk", "disk"), ("the cache", "cache")] {
        check_mounted(record, exam, container, what, name)?;
    }
    let (inside, outside) = (Groups::of(container), Groups::of(host));
    check_inwards(exam, container, &inside, &outside);
    check_outwards(exam, host, &inside, &outside);
    Ok(())
}

fn check_mounted(record: &Record, exam: &mut Exam, container: u64, what: &str, name: &str) -> Result<()> {
    let point = format!("{MEDIA}/{}", record.value(name));
    let there = mount_points(container)?.contains(&point);
    let seen = if there { "mounted" } else { "not mounted" };
    exam.claim(
        format!("the container has {what}"),
        there,
        seen,
        format!("/proc/{container}/mountinfo {point}"),
    )
    .mistake("it was unmounted: nothing has to be unmounted here")
    .hints([
        "what is to be changed is how /tmp/media is mounted, not what is mounted in it".to_string(),
        "peers share unmounts, too: the host has lost it as well".into(),
        "begin again: glassbox lab start mount".into(),
    ]);
    Ok(())
}

fn check_inwards(exam: &mut Exam, container: u64, inside: &Groups, outside: &Groups) {
    let mistake = match (inside.tags.first().map(String::as_str), outside.shared()) {
        (Some("unbindable"), _) => "unbindable is private and more: no mount of the host gets in",
        (None, _) => "it is private: what the host mounts from now on does not get in",
        (_, None) => "the host's side is shared no more: it tells nobody what it mounts",
        _ => "it is in another peer group than the host: no mount of the host gets in",
    };
    exam.claim(
        "the host's mounts get in",
        inside.gets_from(outside),
        inside.to_string(),
        format!("/proc/{container}/mountinfo {MEDIA}"),
    )
    .mistake(mistake)
    .hints([
        "there are four types of propagation; see mount_namespaces(7)",
        "a mount that has left its peers cannot go back: begin again with glassbox lab start mount",
        "then, inside: mount --make-slave /tmp/media",
    ]);
}

fn check_outwards(exam: &mut Exam, host: u64, inside: &Groups, outside: &Groups) {
    let peers = inside.shared().is_some() && inside.shared() == outside.shared();
    let mistake = if peers {
        "both are in one peer group: what one mounts, the other has, too"
    } else {
        "it is the host that listens to the container: the wrong side was made a slave"
    };
    exam.claim(
        "the container's mounts stay inside",
        !outside.gets_from(inside),
        outside.to_string(),
        format!("/proc/{host}/mountinfo {MEDIA}"),
    )
    .mistake(mistake)
    .hints([
        "compare the two lines of /tmp/media in /proc/PID/mountinfo: shared:N is a peer group",
        "there is a type that listens to its peers and tells them nothing",
        "mount --make-slave /tmp/media",
    ]);
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    inside(Pid::from_raw(record.holder_pid()), || Ok(mount("", MEDIA, "", Flags::MS_SLAVE, "")?))?;
    Ok(None)
}
