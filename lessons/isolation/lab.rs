//! Find: the service that may die for another one's leak.

use crate::error::Result;
use crate::kernel::cgroup::{Controller, Group};
use crate::kernel::namespace::{Kind as Namespace, setns};
use crate::kernel::process::Clone3;
use crate::lab::{Exam, Kind, Lab, Record, Setting, program};
use crate::machine::Need;
use crate::probe::cgroup::hierarchies;
use crate::probe::process::{cgroup, namespace, running};
use crate::trace::{Ledger, Trace};

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "the neighbour that is in danger",
    needs: &[
        Need::Controller(Controller::Memory),
        Need::Namespace(Namespace::Mnt),
        Need::Namespace(Namespace::Ipc),
        Need::Namespace(Namespace::Net),
    ],
    begin,
    task,
    check,
    solve,
};

/// The services beside batch.
const NAMES: [&str; 4] = ["web", "mail", "shop", "wiki"];
/// What each namespace that is shared would be good for, and the mistake of taking it for the memory.
const SHARED: [(Namespace, &str); 3] = [
    (Namespace::Mnt, "that one shares the files of batch, and has memory of its own"),
    (Namespace::Ipc, "that one shares the IPC namespace of batch, and has memory of its own"),
    (Namespace::Net, "that one shares the network of batch, and has memory of its own"),
];

fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "lab");
    let make = |group: &Group| {
        group.dirs().try_for_each(|dir| setting.note(&Trace::Cgroup(dir.into())))?;
        Ok::<_, crate::error::Error>(group.create()?)
    };
    // batch and one other are in the first of them.
    let groups: Vec<Group> =
        ["batch", "a", "b", "c"].iter().map(|end| beside(&name, end)).collect::<Result<_>>()?;
    groups.iter().try_for_each(make)?;
    let batch = setting.draw("batch", 100_000..=199_999).to_string();
    let first = setting.draw("turn", 0..=3) as usize;
    let services: Vec<String> = NAMES
        .iter()
        .zip(2..)
        .map(|(name, hundreds)| {
            setting.draw(name, hundreds * 100_000..=hundreds * 100_000 + 99_999).to_string()
        })
        .collect();
    setting.hold(move |_| {
        let own = Clone3::new().newns().newipc().newnet();
        let batch = program(own, || Ok(groups[0].join()?), "/bin/sleep", &["sleep", &batch])?;
        for (at, service) in services.iter().enumerate() {
            let turn = (at + first) % NAMES.len();
            let enter = || {
                // In turn: everything of its own but the memory, and then everything but one namespace.
                groups[turn].join()?;
                match turn.checked_sub(1) {
                    None => Ok(()),
                    Some(kind) => Ok(setns(batch, &[SHARED[kind].0])?),
                }
            };
            program(own, enter, "/bin/sleep", &["sleep", service])?;
        }
        Ok(())
    })
}

fn beside(name: &str, end: &str) -> Result<Group> {
    Ok(Group::plan(&hierarchies()?, &format!("{name}-{end}"), &[Controller::Memory])?)
}

fn task(record: &Record) -> String {
    let services: Vec<String> =
        NAMES.iter().map(|name| format!("  {name}: sleep {}", record.value(name))).collect();
    format!(
        "Five services run on this machine. One of them is batch:

  sleep {batch}

It leaks memory, and soon its control group will be at a limit. The others are

{services}

Each of them shares something with batch: files, the network, IPC, or the group in which memory is counted. Which one may be killed
because batch leaks?
Answer with: glassbox lab check isolation NAME",
        batch = record.value("batch"),
        services = services.join("\n"),
    )
}

fn pid(record: &Record, name: &str) -> Option<u64> {
    running(&format!("sleep {}", record.value(name)))
}

/// Whether a service is in the memory group of batch.
fn shares_memory(batch: u64, other: u64) -> Result<bool> {
    let memory = Controller::Memory.name();
    Ok(cgroup(batch, memory)?.text == cgroup(other, memory)?.text)
}

fn endangered(record: &Record) -> Result<Option<&'static str>> {
    let Some(batch) = pid(record, "batch") else { return Ok(None) };
    for name in NAMES {
        if let Some(other) = pid(record, name)
            && shares_memory(batch, other)?
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Which namespace a service shares with batch.
fn mistake(record: &Record, name: &str) -> Result<Option<&'static str>> {
    let (Some(batch), Some(other)) = (pid(record, "batch"), pid(record, name)) else { return Ok(None) };
    for (kind, mistake) in SHARED {
        if namespace(batch, kind)?.text == namespace(other, kind)?.text {
            return Ok(Some(mistake));
        }
    }
    Ok(None)
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(wanted) = endangered(record)? else {
        exam.claim("all five services run", false, "one of them does not", "/proc/*/cmdline")
            .mistake("the scene was changed: `glassbox lab reset isolation`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start isolation"]);
        return Ok(());
    };
    let answer = exam.answer.clone();
    let given = answer.as_deref().map(|text| text.trim().to_lowercase()).unwrap_or_default();
    let known = NAMES.contains(&given.as_str());
    let mistake = match (given.as_str(), known) {
        ("", _) => "an answer is the name of a service: glassbox lab check isolation NAME",
        ("batch", _) => "batch is killed as well; the question is for whom it is no fault of its own",
        (name, true) => mistake(record, name)?.unwrap_or("that one counts its memory with batch"),
        _ => "the services are called web, mail, shop and wiki",
    };
    let seen = answer.as_ref().map_or("no answer".into(), |answer| format!("your answer {answer}"));
    let (batch, other) = (pid(record, "batch").unwrap_or(0), pid(record, wanted).unwrap_or(0));
    exam.claim(
        "the service that is in danger",
        given == wanted,
        seen,
        format!("/proc/{batch}/cgroup and /proc/{other}/cgroup"),
    )
    .mistake(mistake)
    .hints([
        "the OOM killer looks for its victim in the group that is at its limit".to_string(),
        "in which group a process is stands in /proc/PID/cgroup; in version 1 the line of memory counts"
            .into(),
        format!(
            "grep -H . /proc/{batch}/cgroup; pgrep sleep | while read p; do grep -H . /proc/$p/cgroup; done"
        ),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    Ok(endangered(record)?.map(String::from))
}
