//! The filters of the lesson, how they are shown, and the shells that run under them.

use std::time::Duration;

use crate::kernel::Errno;
use crate::kernel::arch::{ALL, HERE};
use crate::kernel::process::{Clone3, set_no_new_privs};
use crate::kernel::seccomp::{Action, Filter, Line, Policy, Rule};
use crate::lab::try_resident;
use crate::probe::Reading;
use crate::stage::{Program, Ran, Result, Stage};

/// The environment of the lesson's programs.
pub(super) const ENV: [&str; 1] = ["PATH=/usr/bin:/bin"];

/// How long a shell may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A filter that allows whatever is not named here.
pub(super) fn answering(answers: &[(&str, Action)]) -> Filter {
    let rule =
        |(name, action): &(_, Action)| Rule { names: vec![*name], conditions: vec![], action: *action };
    Filter::new(&Policy { default: Action::Allow, rules: answers.iter().map(rule).collect() })
}

/// A filter that refuses these calls.
pub(super) fn refusing(names: &[&str], errno: Errno) -> Filter {
    answering(&names.iter().map(|name| (*name, Action::refuse(errno))).collect::<Vec<_>>())
}

/// A program, or a part of one, instruction by instruction.
pub(super) fn shown(stage: &Stage, title: &str, lines: &[Line]) {
    let mut table = stage.side_by_side(title, "code jt jf", "k");
    for line in lines {
        let read = |text: &str| Reading::new(line.at.to_string(), "struct sock_filter", text);
        let k = read(&line.k);
        let k = if line.of_architecture { k.varying() } else { k };
        table = table.compare(&read(&line.words), &k, &line.meaning);
    }
    table.show();
}

/// The number of a call, if this architecture has it.
fn number(calls: &[(u32, &'static str)], name: &str) -> Option<u32> {
    calls.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// The instructions that a call passes.
pub(super) fn way(filter: &Filter, name: &str) -> Vec<Line> {
    number(&(HERE.calls)(), name).map_or_else(Vec::new, |number| filter.way(number))
}

/// One call has different numbers.
pub(super) fn numbers(stage: &Stage, name: &str) -> Result<()> {
    let mut table = stage.side_by_side(&format!("{name}()"), "architecture", "number");
    let mut found = vec![];
    for arch in &ALL {
        let number = number(&(arch.calls)(), name).map_or("(none)".into(), |number| number.to_string());
        let read = |text: &str| Reading::new(arch.name, "the table of calls", text);
        table = table.compare(&read(&format!("{:#010x}", arch.audit)), &read(&number), "in its table");
        found.push(number);
    }
    table.show();
    found.sort_unstable();
    found.dedup();
    stage.check("it has not the same number everywhere").saw((found.len() > 1, "the tables of calls"))
}

/// A shell with this filter, and what it has to do: how it ended, and what it wrote.
pub(super) fn ended(stage: &Stage, lane: &str, filter: &Filter, script: &str) -> Result<Ran> {
    let mut pipes = Program::pipes()?;
    let shell = stage.child(lane, Clone3::new(), |_| {
        set_no_new_privs()?;
        filter.install()?;
        pipes.execve("/bin/sh", &["sh", "-c", script], &ENV)
    })?;
    let text = pipes.read_to_end(PATIENCE)?;
    Ok(Ran { ended: shell.wait()?, text: text.trim_end().into() })
}

/// Ask for a child, and learn which errno comes in its place.
pub(super) fn clone_refused() -> Result<Option<Errno>> {
    Ok(try_resident(Clone3::new(), || Ok(()))?.err())
}
