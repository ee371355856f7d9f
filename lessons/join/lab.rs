//! Do: start a program in a container that is running.

use crate::error::Result;
use crate::kernel::namespace::{Kind as Namespace, setns};
use crate::kernel::process::{Clone3, set_name};
use crate::kernel::{Pid, uts};
use crate::lab::{Exam, Kind, Lab, Record, Setting, lasting, program, resident};
use crate::machine::Need;
use crate::probe::process::{named, namespace, namespace_for_children, other_namespaces, running};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a program in somebody's container",
    needs: &[
        Need::Namespace(Namespace::Uts),
        Need::Namespace(Namespace::Ipc),
        Need::Namespace(Namespace::Pid),
    ],
    begin,
    task,
    check,
    solve,
};

/// The namespaces to be joined, and the flags of nsenter(1) for them.
const KINDS: [(Namespace, &str); 3] =
    [(Namespace::Uts, "-u"), (Namespace::Ipc, "-i"), (Namespace::Pid, "-p")];

/// A container: a process with namespaces of its own.
fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    let name = setting.draw_name("name", "den");
    setting.hold(move |_| {
        resident(Clone3::new().newuts().newipc().newpid(), || {
            uts::sethostname(&name)?;
            Ok(set_name(&name)?)
        })
        .map(drop)
    })?;
    let user = if setting.mode().is_rootless() { " -U --preserve-credentials" } else { "" };
    setting.remember("nsenter", format!("nsenter{user}"));
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A container is running, and nobody has docker. The name of its first process is {name}. Start the program

  sleep {seconds}

in it, as `docker exec` does: in the same uts, ipc and pid namespaces. It must be running when you check. `{nsenter}`
will do, or a program of yours.",
        name = record.value("name"),
        seconds = record.value("seconds"),
        nsenter = record.value("nsenter"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(container) = named(record.value("name")) else {
        exam.claim("the container is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset join`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start join"]);
        return Ok(());
    };
    let wanted = command(record);
    let found = running(&wanted);
    let flags = KINDS.map(|(_, flag)| flag).join(" ");
    let way = format!("{} -t {container} {flags} {wanted}", record.value("nsenter"));
    let seen = found.map_or("no such process".into(), |pid| format!("process {pid}"));
    exam.claim(format!("`{wanted}` is running"), found.is_some(), seen, "/proc/*/cmdline")
        .mistake("start it, and leave it running in another terminal or with & at the end")
        .hints([
            format!("find the container first: grep -l {} /proc/[0-9]*/comm", record.value("name")),
            format!("nsenter(1) starts a program in the namespaces of a process: -t {container}"),
            way.clone(),
        ]);
    let Some(pid) = found else { return Ok(()) };
    for (kind, flag) in KINDS {
        check_kind(exam, pid, container, kind, flag, &way)?;
    }
    Ok(())
}

fn check_kind(
    exam: &mut Exam,
    pid: u64,
    container: u64,
    kind: Namespace,
    flag: &str,
    way: &str,
) -> Result<()> {
    let (wanted, its, host) = (namespace(container, kind)?, namespace(pid, kind)?, namespace("self", kind)?);
    let children_only = kind == Namespace::Pid
        && namespace_for_children(pid, kind).is_ok_and(|childrens| childrens.text == wanted.text);
    let mistake = if children_only {
        "it has joined the PID namespace for its children only: join, then fork, then start it".into()
    } else if its.text == host.text {
        format!("it is in the host's {kind} namespace")
    } else {
        format!(
            "that is a new {kind} namespace, neither the container's nor the host's: join, do not make one"
        )
    };
    exam.claim(
        format!("its {kind} namespace is the container's"),
        its.text == wanted.text,
        &its.text,
        &its.source,
    )
    .mistake(mistake)
    .hints([
        format!("compare with the link of the container: readlink {}", wanted.source),
        format!("nsenter(1) joins with {flag}, and leaves out what it is not told"),
        way.into(),
    ]);
    Ok(())
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let Some(container) = named(record.value("name")) else { return Ok(None) };
    lasting(ledger, || {
        setns(Pid::from_raw(container as i32), &other_namespaces(container))?;
        program(Clone3::new(), || Ok(()), "/bin/sleep", &["sleep", record.value("seconds")]).map(drop)
    })?;
    Ok(None)
}
