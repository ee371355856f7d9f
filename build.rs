//! How the program is linked.

use std::env::var;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let feature =
        |name: &str| var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.split(',').any(|one| one == name));
    let is_gnu = var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    // At an address that is known beforehand there is nothing to be relocated. Otherwise thirty thousand pointers are,
    // at every start, and a copy is made of each page that has one: half a millisecond of a container's five.
    if is_gnu {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        if feature("crt-static") {
            // What was said before of a program that is static and has no fixed address is taken back with it.
            println!("cargo:rustc-link-arg-bins=-static");
        } else if let Some(dir) = unwinder() {
            // A library less to be found, mapped and bound at every start.
            println!("cargo:rustc-link-search=native={}", dir.display());
            println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        }
    }
}

/// Where the compiler of this machine has what unwinds the stack as a static library, for programs of this machine.
fn unwinder() -> Option<PathBuf> {
    if var("HOST") != var("TARGET") {
        return None;
    }
    let asked = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output().ok()?;
    // One that it does not have is only a name.
    let file = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim_end());
    file.parent().filter(|dir| dir.is_absolute()).map(PathBuf::from)
}
