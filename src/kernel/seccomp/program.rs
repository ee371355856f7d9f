//! From a policy to a program of classic BPF.
//! <https://docs.kernel.org/networking/filter.html>

use fnv::FnvHashMap;
use nix::libc::{self, sock_filter};

use super::policy::{Action, Comparison, Condition, Policy, Rule};
use crate::kernel::arch::Architecture;

// Offsets in struct seccomp_data. A value of 64 bits is read in halves, the low one first: little-endian.
pub(super) const OFFSET_NR: u32 = 0;
pub(super) const OFFSET_ARCH: u32 = 4;
pub(super) const OFFSET_ARGS: u32 = 16;

/// What happens to a call.
#[derive(Clone, PartialEq)]
enum Outcome<'p> {
    /// This, whatever its arguments are.
    Always(Action),
    /// What the first of these rules says whose conditions hold.
    FirstOf(Vec<&'p Rule<'p>>),
}

/// Wrong architecture: killed. Then the number decides.
pub(super) fn compile(arch: &Architecture, policy: &Policy) -> Vec<sock_filter> {
    let mut program = vec![
        load(OFFSET_ARCH),
        jump(libc::BPF_JEQ, arch.audit, 1, 0),
        answer(Action::KillProcess),
        load(OFFSET_NR),
    ];
    search(&ranges(arch, policy), policy.default, &mut program);
    program
}

/// `(first number, outcome)` in order, from 0. Each reaches to the next one's first number.
fn ranges<'p>(arch: &Architecture, policy: &'p Policy) -> Vec<(u32, Outcome<'p>)> {
    let calls = (arch.calls)();
    let end = calls.last().map_or(0, |(number, _)| number + 1);
    let numbers: FnvHashMap<&str, u32> = calls.into_iter().map(|(number, name)| (name, number)).collect();
    let mut outcomes: Vec<Option<Outcome>> = vec![None; end as usize];
    for rule in &policy.rules {
        for number in rule.names.iter().filter_map(|name| numbers.get(name)) {
            add(&mut outcomes[*number as usize], rule);
        }
    }
    let newer = Outcome::Always(policy.default.of_newer_calls());
    let known = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Always(policy.default)));
    let mut ranges: Vec<(u32, Outcome)> = vec![];
    for (number, outcome) in (0..).zip(known.chain([newer])) {
        if ranges.last().is_none_or(|(_, last)| *last != outcome) {
            ranges.push((number, outcome));
        }
    }
    ranges
}

/// One more rule about a call. One without conditions decides, and the first of those.
fn add<'p>(outcome: &mut Option<Outcome<'p>>, rule: &'p Rule<'p>) {
    match outcome {
        Some(Outcome::Always(_)) => {}
        _ if rule.conditions.is_empty() => *outcome = Some(Outcome::Always(rule.action)),
        Some(Outcome::FirstOf(rules)) => rules.push(rule),
        None => *outcome = Some(Outcome::FirstOf(vec![rule])),
    }
}

/// Binary search: `if number >= middle { right half } else { left half }`.
fn search(ranges: &[(u32, Outcome)], default: Action, program: &mut Vec<sock_filter>) {
    if let Some(short) = exception(ranges, default) {
        return program.extend(short);
    }
    let (left, right) = match ranges {
        [] => return program.push(answer(default)),
        [(_, outcome)] => return program.extend(leaf(outcome, default)),
        _ => ranges.split_at(ranges.len() / 2),
    };
    let (test, middle) = (program.len(), right[0].0);
    program.push(jump(libc::BPF_JGE, middle, 0, 0));
    search(left, default, program);
    // Over the left half. A conditional jump reaches 255 instructions, another one any number.
    let length = program.len() - test - 1;
    match u8::try_from(length) {
        Ok(near) => program[test].jt = near,
        Err(_) => {
            program[test].jf = 1;
            program.insert(test + 1, statement(libc::BPF_JMP | libc::BPF_JA, length as u32));
        }
    }
    search(right, default, program);
}

/// One number among others that are all alike: `if number == it { its outcome } else { that of the others }`.
fn exception(ranges: &[(u32, Outcome)], default: Action) -> Option<Vec<sock_filter>> {
    let [(_, before), (number, outcome), (next, after)] = ranges else { return None };
    if before != after || *next != number + 1 {
        return None;
    }
    let mut program = leaf(outcome, default);
    let far = u8::try_from(program.len()).ok()?;
    program.insert(0, jump(libc::BPF_JEQ, *number, 0, far));
    program.extend(leaf(after, default));
    Some(program)
}

fn leaf(outcome: &Outcome, default: Action) -> Vec<sock_filter> {
    match outcome {
        Outcome::Always(action) => vec![answer(*action)],
        Outcome::FirstOf(rules) => {
            let rules = rules.iter().flat_map(|rule| try_rule(rule));
            rules.chain([answer(default)]).collect()
        }
    }
}

/// Where a comparison of a half goes on.
#[derive(Clone, Copy)]
enum To {
    /// The instruction after it.
    Next,
    /// The condition holds.
    Holds,
    /// It does not.
    Fails,
}

/// An instruction, and where it goes on if it is true, and if not.
type Step = (sock_filter, To, To);

/// `if all conditions hold { return action }`.
fn try_rule(rule: &Rule) -> Vec<sock_filter> {
    let conditions: Vec<Vec<Step>> = rule.conditions.iter().map(steps).collect();
    // The next rule begins after the answer of this one.
    let end = conditions.iter().map(Vec::len).sum::<usize>() + 1;
    let mut program = vec![];
    for condition in conditions {
        let next_condition = program.len() + condition.len();
        for (mut step, holds, fails) in condition {
            let after = program.len() + 1;
            // With six conditions of five instructions each, it is never far.
            let distance = |to: To| match to {
                To::Next => 0,
                To::Holds => (next_condition - after) as u8,
                To::Fails => (end - after) as u8,
            };
            (step.jt, step.jf) = (distance(holds), distance(fails));
            program.push(step);
        }
    }
    program.push(answer(rule.action));
    program
}

/// A condition in instructions: first about the high half, then about the low one.
fn steps(condition: &Condition) -> Vec<Step> {
    use To::{Fails, Holds, Next};
    let low_half = OFFSET_ARGS + 8 * u32::from(condition.argument);
    let (low, high) = (condition.value as u32, (condition.value >> 32) as u32);
    let plain = |step| (step, Next, Next);
    let test = |test, value, holds, fails| (jump(test, value, 0, 0), holds, fails);
    let and = |mask| plain(statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask));
    let (load_low, load_high) = (plain(load(low_half)), plain(load(low_half + 4)));
    // For an order: a high half that is greater, or less, has decided.
    let order = |greater, less, last| {
        let decided = test(libc::BPF_JGT, high, greater, Next);
        vec![load_high, decided, test(libc::BPF_JEQ, high, Next, less), load_low, last]
    };
    match condition.comparison {
        Comparison::Equal => {
            let (first, last) =
                (test(libc::BPF_JEQ, high, Next, Fails), test(libc::BPF_JEQ, low, Holds, Fails));
            vec![load_high, first, load_low, last]
        }
        Comparison::NotEqual => {
            let (first, last) =
                (test(libc::BPF_JEQ, high, Next, Holds), test(libc::BPF_JEQ, low, Fails, Holds));
            vec![load_high, first, load_low, last]
        }
        Comparison::MaskedEqual { mask } => {
            let (first, last) =
                (test(libc::BPF_JEQ, high, Next, Fails), test(libc::BPF_JEQ, low, Holds, Fails));
            vec![load_high, and((mask >> 32) as u32), first, load_low, and(mask as u32), last]
        }
        Comparison::Greater => order(Holds, Fails, test(libc::BPF_JGT, low, Holds, Fails)),
        Comparison::GreaterOrEqual => order(Holds, Fails, test(libc::BPF_JGE, low, Holds, Fails)),
        Comparison::Less => order(Fails, Holds, test(libc::BPF_JGE, low, Fails, Holds)),
        Comparison::LessOrEqual => order(Fails, Holds, test(libc::BPF_JGT, low, Fails, Holds)),
    }
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt, jf, k }
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn answer(action: Action) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action.value())
}
