//! Classic BPF, as the kernel runs it for a system call.
//! <https://docs.kernel.org/networking/filter.html>

use nix::libc::{self, sock_filter};

/// A system call, as a filter sees it.
pub(crate) struct Call {
    pub(crate) number: u32,
    pub(crate) audit: u32,
    pub(crate) args: [u64; 6],
}

impl Call {
    /// `struct seccomp_data`, on a little-endian machine.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.number.to_le_bytes(), self.audit.to_le_bytes()].concat();
        bytes.extend([0; 8]); // where the call was made
        bytes.extend(self.args.iter().flat_map(|arg| arg.to_le_bytes()));
        bytes
    }
}

/// What a program answered.
pub(crate) struct Answer {
    pub(crate) answer: u32,
    /// How many instructions it took.
    pub(crate) steps: usize,
}

/// Run a program. One that the kernel would not take fails the test.
pub(crate) fn run(program: &[sock_filter], call: &Call) -> Answer {
    let data = call.bytes();
    let (mut at, mut register, mut steps) = (0, 0u32, 0);
    loop {
        let step = &program[at];
        at += 1;
        steps += 1;
        match u32::from(step.code) {
            code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                let offset = step.k as usize;
                assert_eq!(offset % 4, 0, "the kernel wants whole words");
                register = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
            }
            code if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => register &= step.k,
            code if code == libc::BPF_RET | libc::BPF_K => return Answer { answer: step.k, steps },
            code if code == libc::BPF_JMP | libc::BPF_JA => at += step.k as usize,
            code => {
                let taken = match code & !(libc::BPF_JMP | libc::BPF_K) {
                    libc::BPF_JEQ => register == step.k,
                    libc::BPF_JGT => register > step.k,
                    libc::BPF_JGE => register >= step.k,
                    other => panic!("no instruction of ours: {other:x}"),
                };
                at += usize::from(if taken { step.jt } else { step.jf });
            }
        }
    }
}
