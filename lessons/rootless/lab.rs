//! Do: a container that nobody had to allow.

use crate::container::devices;
use crate::error::Result;
use crate::kernel::mount::make_private;
use crate::kernel::namespace::{Kind as Namespace, map_self_to_root, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::{Pid, uts};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, lasting, program};
use crate::machine::{Need, ordinary};
use crate::probe;
use crate::probe::around;
use crate::probe::process::{id_map, namespace, owner, status};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a container that nobody had to allow",
    needs: &[
        Need::OrdinaryUserNamespace,
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

/// The namespaces that the assignment asks for, beside that of users, and the flags of unshare(1) that make them.
const KINDS: [(Namespace, &str); 5] = [
    (Namespace::Pid, "--pid --fork"),
    (Namespace::Mnt, "--mount-proc"),
    (Namespace::Uts, "--uts"),
    (Namespace::Ipc, "--ipc"),
    (Namespace::Net, "--net"),
];

fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    setting.draw_name("hostname", "web");
    // Who is root has to become somebody first.
    let uid = if around::is_root() { setting.draw("uid", 60_001..=64_999) } else { around::uid().into() };
    setting.remember("uid", uid.to_string());
    Ok(())
}

fn task(record: &Record) -> String {
    let uid = record.value("uid");
    let first = if around::is_root() {
        format!("You are root, so become user {uid} first, a number that no account has: setpriv(1) does it.")
    } else {
        format!("You are user {uid}, and that is enough.")
    };
    format!(
        "Start the program

  sleep {seconds}

in namespaces of its own: user, pid, mount, uts, ipc and net, all made by an ordinary user. {first} Inside, it runs as root;
outside, its number is {uid}. Its host name is {name}. It must be running when you check. unshare(1) and hostname(1) are enough.",
        seconds = record.value("seconds"),
        name = record.value("hostname"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

/// The way, as a command.
fn way(record: &Record) -> String {
    let uid = record.value("uid");
    let first = if around::is_root() {
        format!("setpriv --reuid={uid} --regid={uid} --clear-groups ")
    } else {
        String::new()
    };
    let flags = KINDS.map(|(_, flag)| flag).join(" ");
    let inside = format!("hostname {}; exec {}", record.value("hostname"), command(record));
    format!("{first}unshare --user --map-root-user {flags} sh -c '{inside}' &")
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let found = exam.running(
        &command(record),
        [
            "unshare(1) starts a program in new namespaces".into(),
            "the flag for the one that needs nobody's leave is --user".into(),
            way(record),
        ],
    );
    let Some(pid) = found else { return Ok(()) };
    check_numbers(record, exam, pid)?;
    check_owner(record, exam, pid)?;
    check_hostname(record, exam, pid);
    Ok(())
}

fn again(record: &Record, pid: u64, first: &str, second: &str) -> [String; 3] {
    [first.into(), second.into(), format!("kill {pid}; {}", way(record))]
}

fn check_numbers(record: &Record, exam: &mut Exam, pid: u64) -> Result<()> {
    let wanted = record.value("uid");
    let outside = status(pid, "Uid")?;
    let number = outside.numbers().get(1).copied().unwrap_or_default().to_string();
    let mistake = if number == "0" {
        "outside it is root: whoever breaks out of it is root of the machine".into()
    } else {
        format!("{number} is another user than {wanted}")
    };
    exam.claim(format!("outside, its number is {wanted}"), number == wanted, &number, &outside.source)
        .mistake(mistake)
        .hints(again(
            record,
            pid,
            "Uid in /proc/PID/status is the number outside, as you see it",
            "setpriv(1) with --reuid, --regid and --clear-groups makes somebody else of root, before unshare(1)",
        ));
    let map = id_map(pid, "uid_map")?;
    let inside = map.text == format!("0 {number} 1") || map.text.starts_with(&format!("0 {number} 1,"));
    let mistake = if map.text == "(empty)" {
        "its user namespace has no map: inside it is nobody"
    } else {
        "its number inside is not 0"
    };
    exam.claim("inside, it is root", inside, &map.text, &map.source).mistake(mistake).hints(again(
        record,
        pid,
        "which number inside is which outside is in /proc/PID/uid_map",
        "unshare(1) writes it with --map-root-user",
    ));
    Ok(())
}

/// Each namespace is its own, and belongs to its user namespace: so nobody else had to allow it.
fn check_owner(record: &Record, exam: &mut Exam, pid: u64) -> Result<()> {
    let users = namespace(pid, Namespace::User)?;
    let is_own = users.text != namespace("self", Namespace::User)?.text;
    exam.claim("its user namespace is its own", is_own, &users.text, &users.source)
        .mistake("it is in the same user namespace as you")
        .hints(again(record, pid, "readlink /proc/PID/ns/user", "the flag of unshare(1) is --user"));
    let (mut shared, mut foreign, mut flags) = (vec![], vec![], vec![]);
    for (kind, flag) in KINDS {
        if namespace(pid, kind)?.text == namespace("self", kind)?.text {
            shared.push(kind.to_string());
            flags.push(flag);
        } else if owner(pid, kind).map_or(true, |owner| owner.text != users.text) {
            foreign.push(kind.to_string());
        }
    }
    let (shared, foreign) = (shared.join(", "), foreign.join(", "));
    let seen = if shared.is_empty() { "five of its own".into() } else { format!("shared: {shared}") };
    exam.claim("so are the other five", shared.is_empty(), seen, format!("/proc/{pid}/ns"))
        .mistake(format!("it shares {shared} with you"))
        .hints(again(
            record,
            pid,
            "compare `ls -l /proc/self/ns` with the same of the process",
            &format!("add {}", flags.join(" ")),
        ));
    let seen = if foreign.is_empty() { "its own" } else { "another user namespace" };
    let source = format!("/proc/{pid}/ns, ioctl(NS_GET_USERNS)");
    exam.claim("all belong to its user namespace", foreign.is_empty(), seen, source)
        .mistake(format!("{foreign}: made before its user namespace, with the power of another one"))
        .hints(again(
            record,
            pid,
            "lsns -t net -o NS,ONS and so on show to which user namespace a namespace belongs",
            "make the user namespace in the same call, or before the others; as root of it you may make them",
        ));
    Ok(())
}

fn check_hostname(record: &Record, exam: &mut Exam, pid: u64) {
    let wanted = record.value("hostname");
    let asked = ask_inside(Pid::from_raw(pid as i32), || Ok(probe::file("/proc/sys/kernel/hostname")?.text));
    let seen = asked.unwrap_or_else(|error| format!("not readable: {error}"));
    let source = "/proc/sys/kernel/hostname, read inside";
    exam.claim(format!("its host name is {wanted}"), seen == wanted, seen, source)
        .mistake("the host name of its UTS namespace is another one")
        .hints(again(
            record,
            pid,
            "a new UTS namespace begins with the host's name: set it inside",
            "root inside may: hostname(1), before sleep",
        ));
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let (uid, is_root) = (record.number("uid") as u32, around::is_root());
    let gid = if is_root { uid } else { status("self", "Gid")?.numbers()[1] as u32 };
    let set = || {
        if is_root {
            ordinary::become_user(uid)?;
        }
        unshare(&[Namespace::User])?;
        map_self_to_root(uid, gid)?;
        unshare(&[Namespace::Mnt, Namespace::Uts, Namespace::Ipc, Namespace::Net, Namespace::Pid])?;
        uts::sethostname(record.value("hostname"))?;
        make_private("/")?;
        let first = || Ok(devices::mount_proc()?);
        program(Clone3::new(), first, "/bin/sleep", &["sleep", record.value("seconds")]).map(drop)
    };
    lasting(ledger, set)?;
    Ok(None)
}
