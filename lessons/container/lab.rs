//! Do: build a container by hand, with tools that every distribution has.

use std::path::Path;

use crate::container::devices;
use crate::error::Result;
use crate::image::tiny;
use crate::kernel::mount::make_private;
use crate::kernel::namespace::{Kind as Namespace, map_self_to_root};
use crate::kernel::process::Clone3;
use crate::kernel::{Pid, fs, uts};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, lasting, program};
use crate::machine::{Machine, Mode, Need};
use crate::probe;
use crate::probe::process::{namespace, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a container, built by hand",
    needs: &[
        Need::Namespace(Namespace::Pid),
        Need::Namespace(Namespace::Uts),
        Need::Namespace(Namespace::Net),
        Need::Proc,
    ],
    begin,
    task,
    check,
    solve,
};

/// The namespaces that the assignment asks for, and the flags of unshare(1) that make them.
const KINDS: [(Namespace, &str); 5] = [
    (Namespace::Pid, "--pid --fork"),
    (Namespace::Mnt, "--mount"),
    (Namespace::Uts, "--uts"),
    (Namespace::Ipc, "--ipc"),
    (Namespace::Net, "--net"),
];

/// A file in the image that no other root directory has.
const MARK: &str = "etc/scene";

fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    setting.draw_name("hostname", "web");
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
        "Build a container by hand. In it runs the program

  sleep {seconds}

with pid, mount, uts, ipc and net namespaces of its own. Its host name is {name}. Its root directory is the
image that was made for you,

  {root}

and its /proc shows its own processes. It must be running when you check. Any tools will do: `{unshare}`,
mount and hostname, or a program of yours.",
        unshare = record.value("unshare"),
        seconds = record.value("seconds"),
        name = record.value("hostname"),
        root = record.value("root"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let flags = KINDS.map(|(_, flag)| flag).join(" ");
    let start = format!("{} {flags} --root={} sh", record.value("unshare"), record.value("root"));
    let found = exam.running(
        &command(record),
        [
            "unshare(1) starts a program in new namespaces, and with another root".into(),
            format!("begin with: {start}"),
            format!(
                "in that shell: mount -t proc proc /proc; hostname {}; exec {}",
                record.value("hostname"),
                command(record)
            ),
        ],
    );
    let Some(pid) = found else { return Ok(()) };
    check_namespaces(exam, pid)?;
    check_hostname(record, exam, pid);
    check_root(record, exam, pid);
    check_proc(record, exam, pid)
}

fn check_namespaces(exam: &mut Exam, pid: u64) -> Result<()> {
    let mut shared = vec![];
    for (kind, flag) in KINDS {
        if namespace(pid, kind)?.text == namespace("self", kind)?.text {
            shared.push((kind, flag));
        }
    }
    let names = shared.iter().map(|(kind, _)| kind.to_string()).collect::<Vec<_>>().join(", ");
    let flags = shared.iter().map(|(_, flag)| *flag).collect::<Vec<_>>().join(" ");
    let seen =
        if shared.is_empty() { "five of its own".into() } else { format!("shared with the host: {names}") };
    exam.claim("its namespaces are its own", shared.is_empty(), seen, format!("/proc/{pid}/ns"))
        .mistake(format!("it shares {names} with the host"))
        .hints([
            "compare `ls -l /proc/self/ns` with the same of the process".to_string(),
            "unshare(1) has a flag for each kind".to_string(),
            format!("add {flags}"),
        ]);
    Ok(())
}

fn check_hostname(record: &Record, exam: &mut Exam, pid: u64) {
    let wanted = record.value("hostname");
    let source = "/proc/sys/kernel/hostname, read inside";
    let asked = ask_inside(Pid::from_raw(pid as i32), || Ok(probe::file("/proc/sys/kernel/hostname")?.text));
    let seen = asked.unwrap_or_else(|error| format!("not readable: {error}"));
    exam.claim(format!("its host name is {wanted}"), seen == wanted, seen, source)
        .mistake("the host name of its UTS namespace is another one")
        .hints([
            "a new UTS namespace begins with the host's name: set it inside".to_string(),
            "hostname(1) does it; the file /proc/sys/kernel/hostname is for the host's root alone"
                .to_string(),
            format!("inside, before sleep: hostname {wanted}"),
        ]);
}

fn check_root(record: &Record, exam: &mut Exam, pid: u64) {
    let source = format!("/proc/{pid}/root/{MARK}");
    let seen = probe::file(&source).map_or_else(|_| "no such file".into(), |reading| reading.text);
    exam.claim("its root is the image", seen == record.value("mark"), seen, source)
        .mistake("its root directory is another one: it sees other files than those of the image")
        .hints([
            "the root of a process is at /proc/PID/root".to_string(),
            "chroot(1) starts a program with another root, and so does unshare(1) with --root".to_string(),
            format!("unshare … --root={} sh", record.value("root")),
        ]);
}

/// Its `/proc` knows it under the number that it has in its own namespace.
fn check_proc(record: &Record, exam: &mut Exam, pid: u64) -> Result<()> {
    let own = status(pid, "NSpid")?.innermost().unwrap_or_default();
    let source = format!("/proc/{pid}/root/proc/{own}/cmdline");
    let mounted = Path::new(&format!("/proc/{pid}/root/proc/self")).is_symlink();
    let seen = probe::file(&source).map_or_else(
        |_| {
            if mounted { format!("no process {own} there") } else { "nothing is mounted on its /proc".into() }
        },
        |reading| reading.text.trim_end_matches('\0').replace('\0', " "),
    );
    let mistake = if mounted { "its /proc belongs to another PID namespace" } else { "it has no /proc" };
    exam.claim("its /proc shows its own processes", seen == command(record), seen, source)
        .mistake(mistake)
        .hints([
            "a /proc shows the PID namespace of whoever mounted it",
            "mount it inside, when the new PID namespace is there",
            "inside, before sleep: mount -t proc proc /proc",
        ]);
    Ok(())
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let mode = Machine::examine().mode;
    let clone = Clone3::new().newpid().newns().newuts().newipc().newnet();
    let clone = if matches!(mode, Ok(Mode::UserNamespace { .. })) { clone.newuser() } else { clone };
    let set = || {
        if let Ok(Mode::UserNamespace { uid, gid }) = mode {
            map_self_to_root(uid, gid)?;
        }
        make_private("/")?;
        fs::chroot(record.value("root"))?;
        fs::chdir("/")?;
        devices::mount_proc()?;
        Ok(uts::sethostname(record.value("hostname"))?)
    };
    lasting(ledger, || program(clone, set, "/bin/sleep", &["sleep", record.value("seconds")]).map(drop))?;
    Ok(None)
}
