//! A program of classic BPF, as one reads it: instruction by instruction, with what it is about.
//! <https://docs.kernel.org/networking/filter.html>

use std::collections::HashMap;
use std::fmt;

use nix::libc::{self, sock_filter};

use super::program::{OFFSET_ARCH, OFFSET_ARGS, OFFSET_NR};
use crate::kernel::Errno;

/// An instruction, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands, from 0.
    pub at: usize,
    /// Its first three words: code, `jt`, `jf`.
    pub words: String,
    /// Its last one, `k`.
    pub k: String,
    /// What it does, in words that are the same on every architecture.
    pub meaning: String,
    /// Whether `k` is another one on another architecture.
    pub of_architecture: bool,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:>4}  {:<12} {}  {}", self.at, self.words, self.k, self.meaning)
    }
}

/// What the one register of the machine holds.
#[derive(Clone, Copy, PartialEq)]
enum Register {
    Nothing,
    Architecture,
    Number,
    /// Which argument, and which half of it.
    Argument(u32, &'static str),
}

/// Every instruction of a program for the calls of one architecture.
pub(super) fn listing(program: &[sock_filter], calls: &[(u32, &'static str)]) -> Vec<Line> {
    let names: HashMap<u32, &str> = calls.iter().copied().collect();
    // Jumps go forwards: who reads from the top has seen whatever leads here.
    let mut held = vec![Register::Nothing; program.len()];
    let mut lines = vec![];
    for (at, step) in program.iter().enumerate() {
        let (before, after) = (held[at], loaded(step).unwrap_or(held[at]));
        for next in targets(at, step) {
            if let Some(register) = held.get_mut(next) {
                *register = after;
            }
        }
        lines.push(Line {
            at,
            words: format!("{:#04x} {} {}", step.code, step.jt, step.jf),
            k: format!("{:#010x}", step.k),
            meaning: meaning(at, step, before, &names),
            of_architecture: is_comparison(step) && !matches!(before, Register::Argument(..)),
        });
    }
    lines
}

/// The instructions that a call of this number passes, up to the answer, or to the first look at an argument.
pub(super) fn way(program: &[sock_filter], number: u32) -> Vec<usize> {
    let (mut at, mut passed) = (0, vec![]);
    // Of the architecture it is; then there is nothing but the number.
    let mut register = Register::Nothing;
    while let Some(step) = program.get(at) {
        passed.push(at);
        register = loaded(step).unwrap_or(register);
        let jump = |holds: bool| at + 1 + usize::from(if holds { step.jt } else { step.jf });
        at = match (test(step), register) {
            (_, Register::Argument(..)) => break,
            (Some(_), Register::Architecture) => jump(true),
            (Some(libc::BPF_JEQ), _) => jump(number == step.k),
            (Some(libc::BPF_JGE), _) => jump(number >= step.k),
            (Some(_), _) => jump(number > step.k),
            (None, _) => match targets(at, step).first() {
                Some(next) => *next,
                None => break,
            },
        };
    }
    passed
}

/// The most instructions that any call passes.
pub(super) fn depth(program: &[sock_filter]) -> usize {
    let mut longest = vec![0; program.len()];
    for (at, step) in program.iter().enumerate().rev() {
        let rest = targets(at, step).into_iter().filter_map(|next| longest.get(next).copied()).max();
        longest[at] = 1 + rest.unwrap_or(0);
    }
    longest.first().copied().unwrap_or(0)
}

/// Where it can go on: where its test holds, then where it fails. An answer ends the program.
fn targets(at: usize, step: &sock_filter) -> Vec<usize> {
    match u32::from(step.code) & 0x07 {
        libc::BPF_RET => vec![],
        libc::BPF_JMP if is_comparison(step) => [step.jt, step.jf].map(|by| at + 1 + usize::from(by)).into(),
        libc::BPF_JMP => vec![at + 1 + step.k as usize],
        _ => vec![at + 1],
    }
}

/// Which comparison it makes, if it makes one.
fn test(step: &sock_filter) -> Option<u32> {
    let code = u32::from(step.code);
    let test = code & 0xf0;
    (code & 0x07 == libc::BPF_JMP && test != libc::BPF_JA).then_some(test)
}

fn is_comparison(step: &sock_filter) -> bool {
    test(step).is_some()
}

/// What it loads, if it loads anything.
fn loaded(step: &sock_filter) -> Option<Register> {
    if u32::from(step.code) & 0x07 != libc::BPF_LD {
        return None;
    }
    Some(match step.k {
        OFFSET_NR => Register::Number,
        OFFSET_ARCH => Register::Architecture,
        k if k >= OFFSET_ARGS => {
            let half = if (k - OFFSET_ARGS).is_multiple_of(8) { "low" } else { "high" };
            Register::Argument((k - OFFSET_ARGS) / 8, half)
        }
        _ => Register::Nothing,
    })
}

fn meaning(at: usize, step: &sock_filter, held: Register, names: &HashMap<u32, &str>) -> String {
    if let Some(test) = test(step) {
        let name =
            |number: u32| names.get(&number).map_or_else(|| number.to_string(), |name| name.to_string());
        let what = match (test, held) {
            (_, Register::Architecture) => "this architecture".into(),
            (libc::BPF_JEQ, Register::Number) => name(step.k),
            (libc::BPF_JGE, Register::Number) => format!("≥ {}", name(step.k)),
            (libc::BPF_JEQ, _) => format!("it is {:#x}", step.k),
            (libc::BPF_JGE, _) => format!("it is {:#x} or more", step.k),
            (_, _) => format!("it is more than {:#x}", step.k),
        };
        let [holds, fails] = [step.jt, step.jf].map(|by| at + 1 + usize::from(by));
        return format!("{what}: to {holds}, else to {fails}");
    }
    match u32::from(step.code) & 0x07 {
        libc::BPF_RET => format!("answer {}", answer(step.k)),
        libc::BPF_JMP => format!("to {}", at + 1 + step.k as usize),
        libc::BPF_ALU => format!("A = A & {:#x}", step.k),
        _ => match loaded(step) {
            Some(Register::Architecture) => "A = architecture of the call".into(),
            Some(Register::Number) => "A = number of the call".into(),
            Some(Register::Argument(index, half)) => format!("A = argument {index}, {half} half"),
            _ => "A = something else".into(),
        },
    }
}

/// An answer by the name that seccomp(2) has for it.
fn answer(value: u32) -> String {
    const DATA: u32 = 0xffff;
    let name = match value & !DATA {
        libc::SECCOMP_RET_ALLOW => "ALLOW",
        libc::SECCOMP_RET_LOG => "LOG",
        libc::SECCOMP_RET_TRAP => "TRAP",
        libc::SECCOMP_RET_KILL_THREAD => "KILL_THREAD",
        libc::SECCOMP_RET_KILL_PROCESS => "KILL_PROCESS",
        libc::SECCOMP_RET_ERRNO => {
            let number = (value & DATA) as i32;
            return match Errno::from_raw(number) {
                Errno::UnknownErrno => format!("ERRNO({number})"),
                errno => format!("ERRNO({errno:?})"),
            };
        }
        _ => return format!("{value:#x}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::super::{Action, Comparison, Condition, Filter, Policy, Rule};
    use crate::kernel::Errno;
    use crate::kernel::arch::{self, Architecture};

    fn text(arch: &Architecture, rules: Vec<Rule>) -> Vec<String> {
        let filter = Filter::compile(arch, &Policy { default: Action::Allow, rules });
        filter.listing().into_iter().map(|line| line.meaning).collect()
    }

    fn rule(name: &str, conditions: Vec<Condition>) -> Rule<'_> {
        Rule { names: vec![name], conditions, action: Action::refuse(Errno::EPERM) }
    }

    #[test]
    fn one_call_takes_seven_instructions_everywhere() {
        for arch in &arch::ALL {
            let filter =
                Filter::compile(arch, &Policy { default: Action::Allow, rules: vec![rule("chdir", vec![])] });
            let lines = filter.listing();
            let meanings: Vec<_> = lines.iter().map(|line| line.meaning.as_str()).collect();
            assert_eq!(
                meanings,
                [
                    "A = architecture of the call",
                    "this architecture: to 3, else to 2",
                    "answer KILL_PROCESS",
                    "A = number of the call",
                    "chdir: to 5, else to 6",
                    "answer ERRNO(EPERM)",
                    "answer ALLOW",
                ],
                "{}",
                arch.name
            );
            let number = (arch.calls)().into_iter().find(|(_, name)| *name == "chdir").unwrap_or_default().0;
            assert_eq!(
                lines[1].to_string(),
                format!("   1  0x15 1 0     {:#010x}  {}", arch.audit, meanings[1])
            );
            assert_eq!(lines[4].to_string(), format!("   4  0x15 0 1     {number:#010x}  {}", meanings[4]));
            assert_eq!(lines[5].to_string(), "   5  0x06 0 0     0x00050001  answer ERRNO(EPERM)");
            let of_architecture: Vec<_> =
                lines.iter().filter(|line| line.of_architecture).map(|line| line.at).collect();
            assert_eq!(of_architecture, [1, 4]);
            assert_eq!(filter.depth(), 5);
            let way = |number| filter.way(number).into_iter().map(|line| line.at).collect::<Vec<_>>();
            assert_eq!(way(number), [0, 1, 3, 4, 5]);
            assert_eq!(way(number + 1), [0, 1, 3, 4, 6]);
        }
    }

    #[test]
    fn after_a_look_at_an_argument_the_rest_is_still_about_the_number() {
        let condition = Condition { argument: 1, comparison: Comparison::MaskedEqual { mask: 6 }, value: 2 };
        let lines = text(&arch::HERE, vec![rule("chdir", vec![condition]), rule("fchdir", vec![])]);
        let begins = |start: &str| lines.iter().any(|line| line.starts_with(start));
        for start in
            ["A = argument 1, high half", "A = argument 1, low half", "A = A & 0x6", "it is 0x2: to "]
        {
            assert!(begins(start), "{start}: {lines:#?}");
        }
        assert!(begins("≥ fchdir: to ") || begins("fchdir: to "), "{lines:#?}");
    }

    #[test]
    fn the_way_is_the_one_that_the_kernel_takes() {
        let filter = crate::kernel::seccomp::Filter::new(&Policy::allowing(["read", "chdir", "unshare"]));
        for (number, name) in (arch::HERE.calls)() {
            let allowed = ["read", "chdir", "unshare"].contains(&name);
            let wanted = if allowed { "answer ALLOW" } else { "answer ERRNO(EPERM)" };
            let way = filter.way(number);
            assert_eq!(way.last().map(|line| line.meaning.as_str()), Some(wanted), "{name}");
            assert!(way.len() <= filter.depth(), "{name}");
        }
    }
}
