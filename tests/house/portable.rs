//! The program is for every architecture that `src/kernel/arch.rs` knows.

#[path = "../common/cargo.rs"]
mod cargo;

use std::io::Write;
use std::path::Path;

use glassbox::kernel::arch;

use crate::source::{none, sources};

/// The only files that may tell architectures apart: the one for it, that for virtual machines, and this one.
const FENCE: [&str; 3] = ["src/kernel/arch.rs", "tests/machines/processor.rs", "tests/house/portable.rs"];

/// What tells architectures apart, or is different on each of them.
const OF_AN_ARCHITECTURE: &[&str] = &[
    "x86_64",
    "x86-64",
    "amd64",
    "i386",
    "aarch64",
    "arm64",
    "riscv64",
    "target_arch",
    "target_pointer_width",
    "AUDIT_ARCH",
    "ld-linux",
    "ld-musl",
    "linux-gnu",
    "__NR_",
    "4096", // the size of a page, mostly: arch::page_size()
];

/// A system call without a function goes by the name of its number.
const SYSCALL: [&str; 2] = ["syscall(", "syscall(libc::SYS_"];

#[test]
fn architectures_are_told_apart_in_one_file() {
    let mut wrong = vec![];
    for source in sources(&["src", "lessons", "tests"]) {
        if FENCE.contains(&source.path.as_str()) {
            continue;
        }
        for (at, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let unnamed = code.contains(SYSCALL[0]) && !code.contains(SYSCALL[1]);
            let found = OF_AN_ARCHITECTURE.iter().filter(|mark| code.contains(*mark));
            let found = found.chain(unnamed.then_some(&SYSCALL[0]));
            wrong.extend(found.map(|mark| format!("{}:{}: {mark}", source.path, at + 1)));
        }
    }
    none(wrong, &format!("what differs between architectures belongs into {}", FENCE[0]));
}

/// The compiler's word for each other architecture, where its standard library is installed.
#[test]
fn it_compiles_for_other_architectures() {
    for arch in arch::ALL.iter().filter(|arch| arch.name != arch::HERE.name) {
        let machine = if arch.name == "riscv64" { "riscv64gc" } else { arch.name };
        let target = format!("{machine}-unknown-linux-gnu");
        let library = cargo::rustc(&["--print", "target-libdir", "--target", &target]);
        let dir = cargo::target_dir("foreign");
        let cargo =
            cargo::cargo("check", &target, &dir).filter(|_| library.is_some_and(|dir| has_library(&dir)));
        let Some(mut cargo) = cargo else {
            say(&format!("not compiled for {target}, only read: `rustup target add {target}` changes that"));
            continue;
        };
        // A check makes no machine code: what a dependency has in assembler is left out, and so is its compiler.
        for tool in ["CC", "AR"] {
            cargo.env(format!("{tool}_{}", target.replace('-', "_")), "true");
        }
        let checked = cargo.output().unwrap();
        assert!(checked.status.success(), "{target}:\n{}", String::from_utf8_lossy(&checked.stderr));
        say(&format!("compiled for {target}"));
    }
}

fn has_library(dir: &str) -> bool {
    let mut entries = std::fs::read_dir(Path::new(dir)).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Past the test harness, which shows what a test prints only when it fails.
fn say(what: &str) {
    std::io::stderr().write_all(format!("architectures: {what}\n").as_bytes()).unwrap();
}
