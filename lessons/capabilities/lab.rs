//! Do: a root that can never have two capabilities, and keeps the others.

use crate::error::Result;
use crate::kernel::capability::{Set, bound};
use crate::kernel::namespace::{Kind as Namespace, map_self_to_root};
use crate::kernel::process::Clone3;
use crate::lab::{Exam, Kind, Lab, Record, Setting, lasting, program};
use crate::machine::Need;
use crate::probe::around;
use crate::probe::process::status;
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a root without two capabilities",
    needs: &[Need::Namespace(Namespace::User)],
    begin,
    task,
    check,
    solve,
};

/// What can be drawn: one that docker leaves, and one that it does not.
const KEPT_BY_DOCKER: [&str; 5] = ["net_raw", "mknod", "audit_write", "kill", "fowner"];
const TAKEN_BY_DOCKER: [&str; 5] = ["sys_time", "sys_module", "sys_boot", "sys_rawio", "syslog"];

fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    let one = setting.draw("one-of", 0..=4) as usize;
    let two = setting.draw("two-of", 0..=4) as usize;
    setting.remember("one", KEPT_BY_DOCKER[one]);
    setting.remember("two", TAKEN_BY_DOCKER[two]);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "Start the program

  {command}

as root; if you are no root, as root of a user namespace of your own. Neither it nor any program that it
executes can ever have the capabilities

  {one} and {two}

All others it keeps. It must be running when you check. setpriv(1) is enough, with unshare(1) if you are no root.",
        command = command(record),
        one = record.value("one"),
        two = record.value("two"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

/// The way, as a command.
fn way(record: &Record) -> String {
    let unshare = if around::is_root() { "" } else { "unshare --user --map-root-user " };
    let (one, two) = (record.value("one"), record.value("two"));
    format!("{unshare}setpriv --bounding-set=-{one},-{two} {} &", command(record))
}

fn drawn(record: &Record) -> Set {
    let named = |name| Set::from_name(&record.value(name).to_uppercase()).unwrap_or(Set::empty());
    named("one") | named("two")
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let found = exam.running(
        &command(record),
        [
            "setpriv(1) starts a program with other sets of capabilities".into(),
            "the set that limits what programs can get is the bounding set".into(),
            way(record),
        ],
    );
    let Some(pid) = found else { return Ok(()) };
    let again =
        |first: &str, second: &str| [first.into(), second.into(), format!("kill {pid}; {}", way(record))];
    let gone = drawn(record);
    let (bounding, permitted) = (set(pid, "CapBnd")?, set(pid, "CapPrm")?);
    let root = status(pid, "Uid")?;
    let map = crate::probe::process::id_map(pid, "uid_map")?;
    let inside = root.numbers().first() == Some(&0) || map.text.starts_with("0 ");

    exam.claim("it is root", inside, &root.text, &root.source)
        .mistake("neither its number nor its user namespace makes it root")
        .hints(again(
            "who is no root can be root of a user namespace",
            "unshare has the flag --map-root-user",
        ));
    let left = crate::kernel::capability::shown(bounding & gone);
    let seen = if left.is_empty() { "neither".into() } else { left.clone() };
    let mistake = match (bounding & gone == gone, permitted & gone == gone) {
        (true, false) => {
            "only what it has now was taken: the next program that root executes gets it back".into()
        }
        (true, true) => "its bounding set still has both".into(),
        _ => format!("its bounding set still has {left}"),
    };
    exam.claim(
        "its bounding set has neither of them",
        left.is_empty(),
        seen,
        format!("/proc/{pid}/status CapBnd"),
    )
    .mistake(mistake)
    .hints(again(
        "the bounding set is CapBnd in /proc/PID/status",
        "setpriv --bounding-set=-NAME,-NAME takes capabilities from it; a set can only shrink: start anew",
    ));
    let missing = set("self", "CapBnd")?.difference(gone).difference(permitted);
    let lost = crate::kernel::capability::shown(missing);
    let seen = if lost.is_empty() { "all others".into() } else { format!("not {lost}") };
    exam.claim("it has all others", lost.is_empty(), seen, format!("/proc/{pid}/status CapPrm"))
        .mistake("more was taken than the two")
        .hints(again(
            "compare CapPrm of the process with CapBnd of your shell in /proc/PID/status",
            "name the two, each with a minus in front, and not all",
        ));
    Ok(())
}

fn set(who: impl std::fmt::Display, field: &str) -> Result<Set> {
    let bits = u64::from_str_radix(&status(who, field)?.text, 16).unwrap_or_default();
    Ok(Set::from_bits_retain(bits))
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let own = |field: &str| -> Result<u32> { Ok(status("self", field)?.numbers()[1] as u32) };
    let (uid, gid) = (own("Uid")?, own("Gid")?);
    let clone = if uid == 0 { Clone3::new() } else { Clone3::new().newuser() };
    let set = || {
        if uid != 0 {
            map_self_to_root(uid, gid)?;
        }
        Ok(bound(Set::all().difference(drawn(record)))?)
    };
    lasting(ledger, || program(clone, set, "/bin/sleep", &["sleep", record.value("seconds")]).map(drop))?;
    Ok(None)
}
