//! Seccomp: a program in the kernel that looks at every system call before it is made.
//!
//! The program is classic BPF. The allowed numbers are sorted into ranges and found by binary search, so a
//! call costs some nine comparisons, where a list walked from the front would cost hundreds.
//! <https://docs.kernel.org/userspace-api/seccomp_filter.html>

use std::collections::{BTreeSet, HashSet};

use nix::libc::{self, sock_filter};

use super::arch::{self, Architecture};
use super::record::call;
use super::{Errno, Result, raw};

/// The clone flags that make namespaces; a contained process may not pass them.
const CLONE_NEW_FLAGS: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

// Offsets in struct seccomp_data.
const OFFSET_NR: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARG0: u32 = 16; // low half, little-endian

/// A compiled filter.
#[derive(Clone)]
pub struct Filter {
    program: Vec<sock_filter>,
    allowed: usize,
}

impl Filter {
    /// Allow the calls named; refuse every other known one with `EPERM`, and those that are newer than
    /// this program with `ENOSYS`, so that the C library falls back to older ones.
    ///
    /// Names that the architecture does not have are passed over. `clone` is always allowed without
    /// namespace flags, and `clone3`, whose flags a filter cannot see, is `ENOSYS`.
    pub fn allowing<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::compile(&arch::HERE, names)
    }

    /// The same for programs of any architecture.
    pub fn compile<'a>(arch: &Architecture, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: HashSet<&str> = names.into_iter().collect();
        let calls = (arch.calls)();
        let newest = calls.last().map_or(0, |(number, _)| *number);
        let allowed = calls.iter().filter(|(number, name)| *number != arch.clone && names.contains(name));
        let allowed: BTreeSet<u32> = allowed.map(|(number, _)| *number).collect();
        let mut program = prologue(arch);
        branch(&mut program, &ranges(&allowed, newest));
        Self { program, allowed: allowed.len() + 1 }
    }

    /// How many calls it allows.
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    /// How many instructions it has.
    pub fn len(&self) -> usize {
        self.program.len()
    }

    /// Whether it has no instructions: never.
    pub fn is_empty(&self) -> bool {
        self.program.is_empty()
    }

    /// `seccomp(SECCOMP_SET_MODE_FILTER)`: install it, for this process and all that come from it.
    ///
    /// Needs `no_new_privs`, or else `CAP_SYS_ADMIN` in the user namespace.
    /// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
    pub fn install(&self) -> Result<()> {
        let mut program = self.program.clone();
        let args = || format!("SECCOMP_SET_MODE_FILTER, 0, {{len={}}}", self.len());
        call("seccomp", args, || raw::seccomp_set_filter(&mut program))
    }
}

/// What happens to a range of numbers that ends before the next range's start.
type Range = (u32, u32);

/// `(first number, action)` in order, from 0: allowed ranges and the gaps between them.
fn ranges(allowed: &BTreeSet<u32>, newest: u32) -> Vec<Range> {
    let mut ranges: Vec<Range> = vec![];
    for number in 0..=newest {
        let action = if allowed.contains(&number) { libc::SECCOMP_RET_ALLOW } else { refuse(Errno::EPERM) };
        if ranges.last().is_none_or(|(_, last)| *last != action) {
            ranges.push((number, action));
        }
    }
    ranges.push((newest + 1, refuse(Errno::ENOSYS)));
    ranges
}

fn refuse(errno: Errno) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
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

fn answer(action: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

/// Wrong architecture: killed. `clone`: by its flags. `clone3`: ENOSYS. Then the number is loaded.
fn prologue(arch: &Architecture) -> Vec<sock_filter> {
    vec![
        load(OFFSET_ARCH),
        jump(libc::BPF_JEQ, arch.audit, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(OFFSET_NR),
        jump(libc::BPF_JEQ, arch.clone3, 0, 1),
        answer(refuse(Errno::ENOSYS)),
        jump(libc::BPF_JEQ, arch.clone, 0, 4),
        load(OFFSET_ARG0),
        jump(libc::BPF_JSET, CLONE_NEW_FLAGS, 0, 1),
        answer(refuse(Errno::EPERM)),
        answer(libc::SECCOMP_RET_ALLOW),
    ]
}

/// Binary search over the ranges: `if number >= middle { right half } else { left half }`.
fn branch(program: &mut Vec<sock_filter>, ranges: &[Range]) {
    match ranges {
        [] => {}
        [(_, action)] => program.push(answer(*action)),
        _ => {
            let (left, right) = ranges.split_at(ranges.len() / 2);
            program.push(jump(libc::BPF_JGE, right[0].0, 0, 1));
            // A conditional jump reaches 255 instructions, this one any number.
            let far = program.len();
            program.push(statement(libc::BPF_JMP | libc::BPF_JA, 0));
            branch(program, left);
            program[far].k = (program.len() - far - 1) as u32;
            branch(program, right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would, on a call with this architecture, number and first argument.
    fn run(filter: &Filter, audit: u32, nr: u32, arg0: u32) -> u32 {
        let (mut at, mut register) = (0, 0);
        loop {
            let step = filter.program[at];
            let code = u32::from(step.code);
            at += 1;
            match code & 0x07 {
                libc::BPF_LD => {
                    register = match step.k {
                        OFFSET_NR => nr,
                        OFFSET_ARCH => audit,
                        _ => arg0,
                    }
                }
                libc::BPF_RET => return step.k,
                _ => {
                    let taken = match code & 0xf0 {
                        libc::BPF_JEQ => register == step.k,
                        libc::BPF_JGE => register >= step.k,
                        libc::BPF_JSET => register & step.k != 0,
                        _ => {
                            at += step.k as usize;
                            continue;
                        }
                    };
                    at += usize::from(if taken { step.jt } else { step.jf });
                }
            }
        }
    }

    #[test]
    fn every_number_gets_the_answer_of_its_name() {
        let allowed = ["read", "write", "exit_group", "getpid", "statx", "file_setattr"];
        for arch in &arch::ALL {
            let filter = Filter::compile(arch, allowed);
            for (number, name) in (arch.calls)() {
                let expected = match name {
                    "clone" => libc::SECCOMP_RET_ALLOW,
                    "clone3" => refuse(Errno::ENOSYS),
                    name if allowed.contains(&name) => libc::SECCOMP_RET_ALLOW,
                    _ => refuse(Errno::EPERM),
                };
                assert_eq!(run(&filter, arch.audit, number, 0), expected, "{name} on {}", arch.name);
            }
            assert_eq!(run(&filter, arch.audit, 100_000, 0), refuse(Errno::ENOSYS));
            let newns = libc::CLONE_NEWNS as u32;
            assert_eq!(run(&filter, arch.audit, arch.clone, newns), refuse(Errno::EPERM));
        }
    }

    #[test]
    fn the_numbers_of_another_architecture_are_refused() {
        let [one, others @ ..] = &arch::ALL;
        let filter = Filter::compile(one, ["read"]);
        for other in others {
            assert_eq!(run(&filter, other.audit, 0, 0), libc::SECCOMP_RET_KILL_PROCESS, "{}", other.name);
        }
    }
}
