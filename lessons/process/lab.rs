//! Find: which namespaces a process has for itself.

use crate::error::Result;
use crate::kernel::namespace::Kind as Namespace;
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::process::{named, namespace};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "what a process has for itself",
    needs: &[
        Need::Namespace(Namespace::Uts),
        Need::Namespace(Namespace::Ipc),
        Need::Namespace(Namespace::Net),
        Need::Namespace(Namespace::Pid),
    ],
    begin,
    task,
    check,
    solve,
};

/// The kinds that the question is about.
const KINDS: [Namespace; 4] = [Namespace::Uts, Namespace::Ipc, Namespace::Net, Namespace::Pid];
const CLAIM: &str = "the namespaces that it has for itself";
const FORM: &str = "an answer is kinds with commas between: glassbox lab check process uts,ipc";

/// A process with two of the four.
fn begin(setting: &mut Setting) -> Result<()> {
    let name = setting.draw_name("name", "elk");
    let first = setting.draw("first", 0..=3) as usize;
    let second = (first + setting.draw("second", 1..=3) as usize) % KINDS.len();
    setting.hold(move |_| {
        let clone = [first, second].into_iter().fold(Clone3::new(), |clone, at| match KINDS[at] {
            Namespace::Uts => clone.newuts(),
            Namespace::Ipc => clone.newipc(),
            Namespace::Net => clone.newnet(),
            _ => clone.newpid(),
        });
        resident(clone, || Ok(set_name(&name)?)).map(drop)
    })
}

fn task(record: &Record) -> String {
    format!(
        "Somewhere on this machine runs a process with the name {name}. Somebody has called it a container. Which of the
         namespaces uts, ipc, net and pid does it have for itself, and does not share with your shell?\n\n
         Answer with the kinds, and commas between:\n\n  \
         glassbox lab check process KIND,KIND",
        name = record.value("name"),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let Some(pid) = named(record.value("name")) else {
        exam.claim("the process is running", false, "no process with this name", "/proc/*/comm")
            .mistake("it was ended: `glassbox lab reset process`, then start again")
            .hints(["the scene is gone", "start it again", "glassbox lab start process"]);
        return Ok(());
    };
    let own = own_kinds(pid)?;
    let answer = exam.answer.clone().unwrap_or_default();
    let given: Vec<&str> = answer.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    let known = |word: &&&str| KINDS.iter().any(|kind| kind.link() == **word);
    let unknown = given.iter().find(|word| !known(word));
    let shared = given.iter().find(|word| !own.contains(*word));
    let missing = own.iter().any(|kind| !given.contains(kind));
    let mistake = match (unknown, shared) {
        _ if given.is_empty() => FORM.into(),
        (Some(word), _) if word.parse::<u64>().is_ok() => FORM.into(),
        (Some(word), _) => format!("the question is about uts, ipc, net and pid, and {word} is none of them"),
        (None, Some(word)) => format!("its {word} namespace is yours too: compare the links"),
        (None, None) => "there is one more that it has for itself".to_string(),
    };
    let right = !given.is_empty() && shared.is_none() && !missing;
    let seen = if answer.is_empty() { "no answer".into() } else { format!("your answer {answer}") };
    // Where that is, is part of the question.
    let source = if right { format!("/proc/{pid}/ns") } else { "/proc/PID/ns".into() };
    exam.claim(CLAIM, right, seen, source).mistake(mistake).hints([
        format!("a process's name is in /proc/PID/comm: grep -l {} /proc/[0-9]*/comm", record.value("name")),
        format!("each namespace is a link in /proc/{pid}/ns, and equal links are one namespace"),
        format!("ls -l /proc/self/ns /proc/{pid}/ns: which of the four kinds have another number?"),
    ]);
    Ok(())
}

/// The kinds in which a process is apart from whoever asks.
fn own_kinds(pid: u64) -> Result<Vec<&'static str>> {
    let mut own = vec![];
    for kind in KINDS {
        let differs = namespace(pid, kind)?.text != namespace("self", kind)?.text;
        own.extend(differs.then(|| kind.link()));
    }
    Ok(own)
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let Some(pid) = named(record.value("name")) else { return Ok(None) };
    Ok(Some(own_kinds(pid)?.join(",")))
}
