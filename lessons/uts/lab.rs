//! Do: a program in a UTS namespace of its own, next to a machine that keeps its name.

use crate::error::Result;
use crate::kernel::Pid;
use crate::kernel::namespace::{Kind as Namespace, setns, unshare};
use crate::kernel::process::Clone3;
use crate::kernel::uts::{setdomainname, sethostname};
use crate::lab::{Exam, Kind, Lab, Record, Setting, ask_inside, lasting, program};
use crate::machine::Need;
use crate::probe::Reading;
use crate::probe::process::{namespace, other_namespaces};
use crate::probe::programs;
use crate::probe::uts::{domain_name, host_name};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Do,
    title: "a host name beside another one",
    needs: &[Need::Namespace(Namespace::Uts)],
    begin,
    task,
    check,
    solve,
};

/// A UTS namespace that stands in for the machine, so that a slip of the student's renames no real one.
fn begin(setting: &mut Setting) -> Result<()> {
    setting.draw("seconds", 100_000..=999_999);
    setting.draw_name("hostname", "web");
    setting.draw_name("domain", "shop");
    let machine = setting.draw_name("machine", "metal");
    setting.hold(move |_| {
        unshare(&[Namespace::Uts])?;
        setdomainname("(none)")?;
        Ok(sethostname(&machine)?)
    })?;
    let enter = setting.nsenter("-u", "sh");
    setting.remember("enter", enter);
    Ok(())
}

fn task(record: &Record) -> String {
    format!(
        "A UTS namespace plays a machine with the name {machine}. This brings you there:\n\n  \
         {enter}\n\n\
         Start the program\n\n  \
         sleep {seconds}\n\n\
         in a UTS namespace of its own, with the host name {name} and the NIS domain {domain}. The machine is to
         keep its name, and so is yours. It must be running when you check. Any tools will do: unshare, hostname
         and domainname, or a program of yours.",
        machine = record.value("machine"),
        enter = record.value("enter"),
        seconds = record.value("seconds"),
        name = record.value("hostname"),
        domain = record.value("domain"),
    )
}

fn command(record: &Record) -> String {
    format!("sleep {}", record.value("seconds"))
}

/// All of it in one line.
fn way(record: &Record) -> String {
    let (name, domain) = (record.value("hostname"), record.value("domain"));
    let inside = format!("hostname {name}; domainname {domain}; exec {}", command(record));
    format!("{} -c \"unshare --uts sh -c '{inside}'\" &", record.value("enter"))
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let found = exam.running(
        &command(record),
        [
            "unshare(1) starts a program in new namespaces; what it then does, it does in there".into(),
            "a shell in the new namespace can set both names before it becomes the program".into(),
            way(record),
        ],
    );
    let machine = record.holder_pid();
    if let Some(pid) = found {
        check_namespace(record, exam, pid, machine as u64)?;
        check_name(record, exam, pid);
        check_domain(record, exam, pid);
    }
    check_machine(record, exam, machine);
    Ok(())
}

fn check_namespace(record: &Record, exam: &mut Exam, pid: u64, machine: u64) -> Result<()> {
    let own = namespace(pid, Namespace::Uts)?;
    let others = [
        ("the machine's", namespace(machine, Namespace::Uts)?),
        ("that of your host", namespace("self", Namespace::Uts)?),
    ];
    let shared = others.iter().find(|(_, other)| other.text == own.text).map(|(whose, _)| *whose);
    let seen = shared.unwrap_or("its own");
    exam.claim("its UTS namespace is its own", shared.is_none(), seen, &own.source)
        .mistake(format!("it is {seen}: whatever it is called, all the others there are called, too"))
        .hints([
            "compare the links /proc/PID/ns/uts".to_string(),
            "unshare(1) with --uts makes a new one for what it starts".into(),
            way(record),
        ]);
    Ok(())
}

/// What is read in the UTS namespace of a process.
fn read_in(pid: i32, read: fn() -> crate::probe::Result<Reading>) -> String {
    let asked = match other_namespaces(pid).as_slice() {
        [] => read().map(|reading| reading.text).map_err(Into::into),
        _ => ask_inside(Pid::from_raw(pid), || Ok(read()?.text)),
    };
    asked.unwrap_or_else(|error| format!("not readable: {error}"))
}

fn check_name(record: &Record, exam: &mut Exam, pid: u64) {
    let wanted = record.value("hostname");
    let seen = read_in(pid as i32, host_name);
    let mistake = match seen.as_str() {
        name if name == record.value("machine") => {
            "that is the machine's name: a new namespace begins with a copy"
        }
        name if name.starts_with(&format!("{wanted}.")) => "the NIS domain is no part of the host name",
        name if name == record.value("domain") => "that is what its NIS domain should be called",
        _ => "the host name of its UTS namespace is another one",
    };
    exam.claim(
        format!("its host name is {wanted}"),
        seen == wanted,
        seen,
        "/proc/sys/kernel/hostname, read inside",
    )
    .mistake(mistake)
    .hints([
        "a new UTS namespace begins with its maker's names: set them inside".to_string(),
        "hostname(1) does it; the file /proc/sys/kernel/hostname is for the host's root alone".into(),
        way(record),
    ]);
}

fn check_domain(record: &Record, exam: &mut Exam, pid: u64) {
    let wanted = record.value("domain");
    let seen = read_in(pid as i32, domain_name);
    let mistake = match seen.as_str() {
        "(none)" => "nobody has set it: it is a second name, with a system call of its own",
        name if name == record.value("hostname") => "that is what its host should be called",
        _ => "the NIS domain of its UTS namespace is another one",
    };
    exam.claim(
        format!("its NIS domain is {wanted}"),
        seen == wanted,
        seen,
        "/proc/sys/kernel/domainname, read inside",
    )
    .mistake(mistake)
    .hints([
        "host name and NIS domain are two names; see setdomainname(2)".to_string(),
        "domainname(1) sets it, in the new namespace".into(),
        way(record),
    ]);
}

fn check_machine(record: &Record, exam: &mut Exam, machine: i32) {
    let wanted = record.value("machine");
    let seen = read_in(machine, host_name);
    let enter = record.value("enter");
    exam.claim(
        format!("the machine is called {wanted}"),
        seen == wanted,
        seen,
        "/proc/sys/kernel/hostname, read in the machine",
    )
    .mistake("the machine was renamed: the name was set before there was a new namespace, or without one")
    .hints([
        "a name belongs to a namespace, and everybody in it has it".to_string(),
        "give the machine its name back; then unshare first, and set the name after that".into(),
        format!("{enter} -c 'hostname {wanted}'"),
    ]);
}

fn solve(record: &Record, ledger: &Ledger) -> Result<Option<String>> {
    let holder = Pid::from_raw(record.holder_pid());
    let sleep = programs::find("sleep").unwrap_or_else(|| "/bin/sleep".into());
    let set = || {
        sethostname(record.value("hostname"))?;
        Ok(setdomainname(record.value("domain"))?)
    };
    lasting(ledger, || {
        setns(holder, &other_namespaces(holder))?;
        let argv = ["sleep", record.value("seconds")];
        program(Clone3::new().newuts(), set, &sleep.to_string_lossy(), &argv).map(drop)
    })?;
    Ok(None)
}
