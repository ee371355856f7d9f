//! How the program is linked.

use std::env::var;

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
        }
    }
}
