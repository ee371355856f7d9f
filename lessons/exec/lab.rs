//! Find: the namespace that a second program has not joined.

use crate::error::Result;
use crate::kernel::namespace::{Kind as Namespace, setns};
use crate::kernel::process::Clone3;
use crate::lab::{Exam, Kind, Lab, Record, Setting, program};
use crate::machine::Need;
use crate::probe::process::{namespace, running};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "a second program that is not quite inside",
    needs: &[
        Need::Kernel(5, 8),
        Need::Namespace(Namespace::Mnt),
        Need::Namespace(Namespace::Uts),
        Need::Namespace(Namespace::Ipc),
        Need::Namespace(Namespace::Net),
    ],
    begin,
    task,
    check,
    solve,
};

/// What the container has for itself.
const KINDS: [Namespace; 4] = [Namespace::Mnt, Namespace::Uts, Namespace::Ipc, Namespace::Net];

fn begin(setting: &mut Setting) -> Result<()> {
    let first = setting.draw("first", 100_000..=499_999).to_string();
    let second = setting.draw("second", 500_000..=999_999).to_string();
    let left_out = setting.draw("left out", 0..=KINDS.len() as u64 - 1) as usize;
    setting.hold(move |_| {
        let own = Clone3::new().newns().newuts().newipc().newnet();
        let container = program(own, || Ok(()), "/bin/sleep", &["sleep", &first])?;
        let joined: Vec<_> =
            KINDS.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, kind)| *kind).collect();
        program(Clone3::new(), || Ok(setns(container, &joined)?), "/bin/sleep", &["sleep", &second]).map(drop)
    })
}

fn task(record: &Record) -> String {
    format!(
        "A container runs, with mount, UTS, IPC and network namespaces of its own. Its program is

  sleep {first}

Somebody wrote a command like `docker exec`, and has started a second program in it:

  sleep {second}

It is in all of these namespaces but one. Which one was forgotten: mnt, uts, ipc or net?
Answer with: glassbox lab check exec NAME",
        first = record.value("first"),
        second = record.value("second"),
    )
}

/// The kinds in which the two differ.
fn different(first: u64, second: u64) -> Result<Vec<Namespace>> {
    let mut found = vec![];
    for kind in KINDS {
        if namespace(first, kind)?.text != namespace(second, kind)?.text {
            found.push(kind);
        }
    }
    Ok(found)
}

fn both(record: &Record) -> Option<(u64, u64)> {
    let pid = |name| running(&format!("sleep {}", record.value(name)));
    Some((pid("first")?, pid("second")?))
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some((first, second)) = both(record) else {
        exam.claim("both programs run", false, "one of them does not", "/proc/*/cmdline")
            .mistake("the scene was changed: `glassbox lab reset exec`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start exec"]);
        return Ok(());
    };
    let wanted = different(first, second)?;
    let answer = exam.answer.clone();
    let given = answer.as_deref().map(|text| text.trim().to_lowercase());
    let kind = KINDS.into_iter().find(|kind| given.as_deref() == Some(kind.to_string().as_str()));
    let mistake = match (&given, kind) {
        (None, _) => "an answer is the name of a namespace: glassbox lab check exec NAME",
        (Some(_), Some(_)) => "that one is joined: both links are equal",
        (Some(given), None) if ["pid", "user", "cgroup", "time"].contains(&given.as_str()) => {
            "the container has none of this kind for itself: both are in the one of the scene"
        }
        (Some(_), None) => "a namespace is called as in /proc/PID/ns: mnt, uts, ipc, net",
    };
    let seen = answer.as_ref().map_or("no answer".into(), |answer| format!("your answer {answer}"));
    let source = format!("/proc/{second}/ns and /proc/{first}/ns");
    exam.claim("the namespace that was forgotten", kind.is_some_and(|kind| wanted == [kind]), seen, source)
        .mistake(mistake)
        .hints([
            "each link in /proc/PID/ns stands for a namespace".to_string(),
            "two processes are in one namespace if their links are equal: readlink, or ls -l".into(),
            format!("for n in mnt uts ipc net; do readlink /proc/{first}/ns/$n /proc/{second}/ns/$n; done"),
        ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some((first, second)) = both(record) else { return Ok(None) };
    Ok(different(first, second)?.first().map(ToString::to_string))
}
