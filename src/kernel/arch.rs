//! What differs from one processor architecture to another. It stands here and nowhere else.

#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"),
    target_pointer_width = "64",
    target_endian = "little"
)))]
compile_error!(
    "glassbox runs on x86_64, aarch64 and riscv64, with 64 bits and little-endian. Another architecture needs a \
     line in src/kernel/arch.rs, and a filter that finds its arguments: src/kernel/seccomp.rs"
);

/// An architecture, as a seccomp filter sees it.
pub struct Architecture {
    /// What `uname -m` calls it.
    pub name: &'static str,
    /// `AUDIT_ARCH_*` of `linux/audit.h`: whose numbers a system call was made with.
    pub audit: u32,
    /// The number of `clone(2)`; its flags are the first argument.
    pub clone: u32,
    /// The number of `clone3(2)`.
    pub clone3: u32,
    /// Every system call that it has: number and name, in order.
    pub calls: fn() -> Vec<(u32, &'static str)>,
    /// A virtual machine of this architecture.
    pub machine: Machine,
}

/// What a virtual machine of an architecture is made with.
pub struct Machine {
    /// The program of QEMU.
    pub qemu: &'static str,
    /// The package of Debian that has it.
    pub package: &'static str,
    /// The one of Debian with a kernel.
    pub kernel: &'static str,
    /// QEMU's name of the board.
    pub board: &'static str,
    /// QEMU's name of the processor, with all that it can do.
    pub processor: &'static str,
    /// The first serial port, as the guest's kernel calls it.
    pub console: &'static str,
    /// Parameters that the guest's kernel wants.
    pub parameters: &'static str,
    /// What `/proc/cpuinfo` says of a processor that can run guests by itself: one of these words, if there are any.
    pub hardware: &'static [&'static str],
}

const X86_64_MACHINE: Machine = Machine {
    qemu: "qemu-system-x86_64",
    package: "qemu-system-x86",
    kernel: "linux-image-amd64",
    board: "q35",
    processor: "max",
    console: "ttyS0",
    // The number of cmpxchg16b: QEMU before 9 sets wrong flags after it, and a kernel that uses it crashes at random. And
    // a kernel panics if its timer, which a busy computer emulates, is late when it tries that.
    parameters: "clearcpuid=141 no_timer_check",
    hardware: &["vmx", "svm"],
};

const AARCH64_MACHINE: Machine = Machine {
    qemu: "qemu-system-aarch64",
    package: "qemu-system-arm",
    kernel: "linux-image-arm64",
    board: "virt",
    processor: "max",
    console: "ttyAMA0",
    parameters: "",
    hardware: &[],
};

const RISCV64_MACHINE: Machine = Machine {
    qemu: "qemu-system-riscv64",
    package: "qemu-system-riscv",
    kernel: "linux-image-riscv64",
    board: "virt",
    processor: "rv64",
    console: "ttyS0",
    parameters: "",
    hardware: &[],
};

/// With the table that the crate `syscalls` has for it.
macro_rules! architecture {
    ($name:ident, $audit:literal, $machine:ident) => {{
        use syscalls::$name::Sysno;
        Architecture {
            name: stringify!($name),
            audit: $audit,
            clone: Sysno::clone as u32,
            clone3: Sysno::clone3 as u32,
            calls: || {
                let numbers = 0..=Sysno::last() as u32;
                numbers.filter_map(|number| Some((number, Sysno::new(number as usize)?.name()))).collect()
            },
            machine: $machine,
        }
    }};
}

const X86_64: Architecture = architecture!(x86_64, 0xC000_003E, X86_64_MACHINE);
const AARCH64: Architecture = architecture!(aarch64, 0xC000_00B7, AARCH64_MACHINE);
const RISCV64: Architecture = architecture!(riscv64, 0xC000_00F3, RISCV64_MACHINE);

/// All that glassbox runs on.
pub const ALL: [Architecture; 3] = [X86_64, AARCH64, RISCV64];

#[cfg(target_arch = "aarch64")]
use AARCH64 as BUILT_FOR;
#[cfg(target_arch = "riscv64")]
use RISCV64 as BUILT_FOR;
#[cfg(target_arch = "x86_64")]
use X86_64 as BUILT_FOR;

/// The one that this program was built for.
pub const HERE: Architecture = BUILT_FOR;

impl Architecture {
    /// What images call it: the name that the Go language has for it.
    /// <https://github.com/opencontainers/image-spec/blob/main/config.md>
    pub fn name_in_images(&self) -> &'static str {
        match self.name {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}

/// `clone3` with arguments of such a size: what it returns in the parent. The child goes on in a function that does not
/// return, on the stack below this place, and with what is given to it. A macro, for it is [`super::raw`] that is unsafe.
///
/// In the parent nothing has changed but what a system call changes: whatever the child does with its registers is its own.
#[cfg(target_arch = "x86_64")]
macro_rules! clone3_into {
    ($args:expr, $size:expr, $child:path, $given:expr) => {{
        let result: isize;
        std::arch::asm!(
            "syscall", "test rax, rax", "jnz 2f", "mov rdi, {given}", "call {child}", "ud2", "2:",
            given = in(reg) $given, child = sym $child,
            inlateout("rax") libc::SYS_clone3 as isize => result, in("rdi") $args, in("rsi") $size,
            out("rcx") _, out("r11") _,
        );
        result
    }};
}
#[cfg(target_arch = "aarch64")]
macro_rules! clone3_into {
    ($args:expr, $size:expr, $child:path, $given:expr) => {{
        let result: isize;
        std::arch::asm!(
            "svc 0", "cbnz x0, 2f", "mov x0, {given}", "bl {child}", "brk 1", "2:",
            given = in(reg) $given, child = sym $child,
            in("x8") libc::SYS_clone3, inlateout("x0") $args => result, in("x1") $size,
        );
        result
    }};
}
#[cfg(target_arch = "riscv64")]
macro_rules! clone3_into {
    ($args:expr, $size:expr, $child:path, $given:expr) => {{
        let result: isize;
        std::arch::asm!(
            "ecall", "bnez a0, 2f", "mv a0, {given}", "call {child}", "unimp", "2:",
            given = in(reg) $given, child = sym $child,
            in("a7") libc::SYS_clone3, inlateout("a0") $args => result, in("a1") $size,
        );
        result
    }};
}
pub(super) use clone3_into;

/// The size of a page of memory. It is the running kernel's choice, 4 to 64 KiB.
/// <https://man7.org/linux/man-pages/man2/getpagesize.2.html>
pub fn page_size() -> usize {
    rustix::param::page_size()
}
