//! What the program needs of a machine: the C library; and nothing where it is one file, for machines without Rust.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../common/cargo.rs"]
mod cargo;
#[path = "../common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::{Home, text};
use elf::ElfBytes;
use elf::abi::{DT_NEEDED, PT_INTERP};
use elf::endian::AnyEndian;

fn main() -> ExitCode {
    common::run(vec![
        common::trial("a static program gives the same lessons", same_lessons),
        common::trial("the usual program loads the C library alone", one_library),
    ])
}

/// Each library more is found, mapped and bound at every start.
fn one_library() {
    const WHAT: &str = "a single library";
    if cfg!(not(target_env = "gnu")) {
        return common::skip(WHAT, "Rust's programs for musl are static");
    }
    if !has_static("libgcc_eh.a") {
        return common::skip(WHAT, "the compiler's library for unwinding is not there as a static one");
    }
    let bytes = std::fs::read(common::GLASSBOX).unwrap();
    let elf = ElfBytes::<AnyEndian>::minimal_parse(&bytes).unwrap();
    let names = elf.section_data_as_strtab(&elf.section_header_by_name(".dynstr").unwrap().unwrap()).unwrap();
    let needed = elf.dynamic().unwrap().unwrap().iter().filter(|entry| entry.d_tag == DT_NEEDED);
    let needed = needed.map(|entry| names.get(entry.d_val() as usize).unwrap());
    // The loader is there already.
    assert_eq!(needed.filter(|name| !name.starts_with("ld-")).collect::<Vec<_>>(), ["libc.so.6"]);
}

fn same_lessons() {
    let Some(program) = build() else { return };
    assert_eq!(interpreter(&program), None, "{} is no static program", program.display());
    assert_eq!(lessons(&program.to_string_lossy()), lessons(common::GLASSBOX));
}

/// Build it, unless this user cannot, and nobody has done it.
fn build() -> Option<PathBuf> {
    const WHAT: &str = "a static program";
    let missing = |why: &str| {
        assert!(!common::is_ci(), "{WHAT}: {why}");
        common::skip(WHAT, why);
        None
    };
    let dir = cargo::target_dir("static");
    let host = cargo::rustc(&["-vV"]);
    let host =
        host.as_deref().and_then(|version| version.lines().find_map(|line| line.strip_prefix("host: ")));
    let built = |host: &str| dir.join(host).join("debug/glassbox");
    let Some((mut cargo, host)) = host.and_then(|host| Some((cargo::cargo("build", host, &dir)?, host)))
    else {
        let mut hosts = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        let there =
            hosts.find_map(|host| Some(built(host.file_name().to_str()?)).filter(|file| file.is_file()));
        return there.or_else(|| missing("this user has no cargo, and it is not built yet"));
    };
    if cfg!(target_env = "gnu") && !has_static("libc.a") {
        return missing("the C library is not there as a static one, libc.a");
    }
    let output = cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(built(host))
}

/// The GNU C library comes as two, and so does the compiler's own; musl's is part of Rust.
fn has_static(library: &str) -> bool {
    let linker = Command::new("cc").arg(format!("-print-file-name={library}")).output();
    linker.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}

/// The loader that the kernel has to start first: a static program has none.
fn interpreter(program: &Path) -> Option<String> {
    let bytes = std::fs::read(program).unwrap();
    let elf = ElfBytes::<AnyEndian>::minimal_parse(&bytes).unwrap();
    let segment = elf.segments().unwrap().iter().find(|segment| segment.p_type == PT_INTERP)?;
    Some(String::from_utf8_lossy(elf.segment_data(&segment).unwrap()).into_owned())
}

/// Of each lesson, what it skipped and why, and how many claims held.
fn lessons(program: &str) -> Vec<String> {
    let home = Home::new();
    let ran = common::finish(home.command(program).args(["learn", "--all", "--auto", "--format", "jsonl"]));
    assert_eq!(ran.code, Some(0), "{program}: {ran}");
    let told = |event: &serde_json::Value| match event["event"].as_str() {
        Some("lesson") => Some(text(&event["id"])),
        Some("skip") => Some(format!("skipped: {}: {}", text(&event["what"]), text(&event["why"]))),
        Some("finish") => Some(format!("{} passed, {} failed", event["passed"], event["failed"])),
        _ => None,
    };
    let told: Vec<String> = common::events(&ran.out).iter().filter_map(told).collect();
    assert!(told.len() > common::lessons().len(), "{program} tells of no lessons: {ran}");
    told
}
