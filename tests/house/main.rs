//! The rules of the house, held against the source: who may use what, and what belongs to a lesson.
//!
//! One table for each rule, then the test that holds it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod lesson;
mod portable;
mod readme;
mod refusals;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{none, read, sources, words};

/// Which module of `src` uses which others; the lowest first, so that nobody uses what comes later.
const MODULES: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("state", &[]),
    ("kernel", &[]),
    ("probe", &["kernel"]),
    ("xray", &["kernel", "probe"]),
    ("machine", &["kernel", "probe"]),
    ("trace", &["kernel", "probe", "machine"]),
    ("image", &["kernel", "probe", "machine"]),
    ("container", &["state", "kernel", "probe", "machine", "trace", "image"]),
    ("error", &["kernel", "probe", "machine", "image", "container"]),
    ("lab", &["state", "kernel", "probe", "machine", "trace", "error"]),
    ("stage", &["event", "kernel", "probe", "machine", "trace", "error", "lab"]),
    (
        "lessons",
        &["event", "kernel", "probe", "machine", "trace", "image", "container", "error", "lab", "stage"],
    ),
    ("progress", &["state"]),
    ("present", &["event", "stage"]),
    ("book", &["event", "lessons", "present"]),
    (
        "cli",
        &[
            "event",
            "state",
            "kernel",
            "probe",
            "machine",
            "trace",
            "image",
            "container",
            "error",
            "lab",
            "stage",
            "lessons",
            "progress",
            "present",
            "book",
            "xray",
        ],
    ),
];

/// Files with `unsafe` in them.
const UNSAFE: &[&str] = &[
    "src/kernel/raw.rs",
    "src/kernel/raw/guarded.rs",
    "src/kernel/raw/interface.rs",
    "src/kernel/raw/vfork.rs",
];

/// What a lesson does not use, and what it uses instead.
const NOT_IN_LESSONS: &[(&str, &str)] = &[
    ("nix::", "crate::kernel"),
    ("libc::", "crate::kernel"),
    ("rustix::", "crate::kernel"),
    ("syscalls::", "crate::kernel"),
    ("std::process", "crate::kernel::process"),
    ("std::net", "crate::kernel::net"),
    ("std::os::unix", "crate::kernel"),
    ("std::fs::write", "crate::kernel::fs"),
    ("std::fs::create", "crate::kernel::fs"),
    ("std::fs::remove", "crate::kernel::fs"),
    ("std::fs::rename", "crate::kernel::fs"),
    ("std::fs::copy", "crate::kernel::fs"),
    ("std::fs::read", "crate::probe"),
    ("std::fs::OpenOptions", "crate::kernel::fs"),
    ("File::create", "crate::kernel::fs"),
    ("fs::{", "a name for each: this test cannot see into it"),
];

/// What is not left behind in finished source.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!", "FIXME", "XXX", "#[ignore"];

/// The longest file that is still read from top to bottom.
const LINES: usize = 400;

#[test]
fn unsafe_is_fenced() {
    let with = sources(&["src", "lessons", "tests"])
        .into_iter()
        .filter(|source| words(&source.code).any(|word| word == "unsafe"));
    let with: BTreeSet<_> = with.map(|source| source.path).collect();
    assert_eq!(
        with,
        UNSAFE.iter().map(|path| path.to_string()).collect(),
        "unsafe belongs behind this fence"
    );
    for path in UNSAFE {
        let text = read(path);
        let lines: Vec<_> = text.lines().collect();
        let sound =
            |at: usize| lines[..at].iter().rev().take(6).any(|line| line.trim().starts_with("// SAFETY: "));
        let bare = (0..lines.len()).filter(|at| lines[*at].contains("unsafe {") && !sound(*at));
        none(bare.map(|at| format!("{path}:{}", at + 1)), "say why it is sound: // SAFETY: …");
    }
}

#[test]
fn lessons_go_through_the_kernel_layer() {
    let lessons = sources(&["lessons"]);
    let around = lessons.iter().flat_map(|source| {
        let used = NOT_IN_LESSONS.iter().filter(|(path, _)| source.code.contains(path));
        used.map(|(path, instead)| format!("{} uses {path}: take {instead}", source.path))
    });
    none(around, "what goes around the kernel layer is not narrated");
}

/// The modules of this crate that a file names, by their paths: `crate::a::…` and `crate::{a::…, b}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        let names = match path.strip_prefix('{') {
            None => vec![path],
            Some(group) => {
                let mut depth = 0;
                let end = group.find(|sign| {
                    depth += i32::from(sign == '{') - i32::from(sign == '}');
                    depth < 0
                });
                let mut depth = 0;
                let mut outermost = |sign: char| {
                    depth += i32::from(sign == '{') - i32::from(sign == '}');
                    sign == ',' && depth == 0
                };
                group[..end.unwrap()].split(&mut outermost as &mut dyn FnMut(char) -> bool).collect()
            }
        };
        used.extend(names.iter().filter_map(|name| words(name.trim()).next()).map(String::from));
    }
    used
}

/// The module that a file belongs to; none for the root of the crate and the program.
fn module(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let module = path.split('/').next()?;
    (!matches!(module, "lib" | "main")).then_some(module)
}

#[test]
fn modules_depend_one_way() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources(&["src", "lessons"]) {
        if let Some(module) = module(&source.path) {
            let others = used(&source.code).into_iter().filter(|other| other != module);
            found.entry(module.into()).or_default().extend(others);
        }
    }
    let names: Vec<_> = MODULES.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<_> = names.iter().map(|name| name.to_string()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), known, "the table MODULES wants every module");
    for (at, (name, uses)) in MODULES.iter().enumerate() {
        let upward = uses.iter().filter(|other| !names[..at].contains(other));
        none(upward.map(|other| format!("{name} -> {other}")), "the table itself points upward");
        let uses: BTreeSet<_> = uses.iter().map(|other| other.to_string()).collect();
        let wrong = found[*name].difference(&uses).map(|other| format!("{name} uses {other}"));
        none(wrong, "modules depend one way, as the table MODULES says: move what is shared further down");
        let unused = uses.difference(&found[*name]).map(|other| format!("{name} -> {other}"));
        none(unused, "nobody goes this way any more: take it out of the table MODULES");
    }
}

#[test]
fn the_drawn_arrows_are_those_of_the_table() {
    let position = |name: &str| MODULES.iter().position(|(module, _)| *module == name);
    for path in ["src/lib.rs", "CONTRIBUTING.md"] {
        let text = read(path);
        let arrows =
            text.lines().find(|line| line.contains(" ─▶ ")).unwrap_or_else(|| panic!("no arrows in {path}"));
        let order: Vec<_> = words(arrows).filter(|word| !word.is_empty()).collect();
        let places: Vec<_> =
            order.iter().map(|name| position(name).unwrap_or_else(|| panic!("{path}: {name}"))).collect();
        assert!(places.is_sorted_by(|left, right| left > right), "{path} draws another order: {arrows}");
    }
}

#[test]
fn files_are_short() {
    let long = sources(&["src", "lessons", "tests"])
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path));
    let long = long.filter(|(lines, _)| *lines > LINES).map(|(lines, path)| format!("{path}: {lines} lines"));
    none(long, "a file is read from top to bottom: divide it");
}

#[test]
fn nothing_is_unfinished() {
    let mut wrong = vec![];
    for source in
        sources(&["src", "lessons", "tests"]).iter().filter(|source| source.path != "tests/house/main.rs")
    {
        for (at, line) in source.text.lines().enumerate() {
            let found = UNFINISHED.iter().filter(|mark| line.contains(*mark));
            wrong.extend(found.map(|mark| format!("{}:{}: {mark}", source.path, at + 1)));
        }
    }
    none(wrong, "finish it, or open an issue");
}

#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let of = |dirs: &[&str], kind: &str| {
        let code: String = sources(dirs).into_iter().map(|source| source.code).collect();
        let crates: Vec<_> =
            manifest[kind].as_table().unwrap().keys().map(|name| name.replace('-', "_")).collect();
        let unused = crates.into_iter().filter(move |name| !words(&code).any(|word| word == name));
        unused.map(|name| format!("{name} in [{kind}]")).collect::<Vec<_>>()
    };
    none(of(&["src", "lessons"], "dependencies"), "nobody uses it: take it out of Cargo.toml");
    none(of(&["tests", "src"], "dev-dependencies"), "nobody uses it: take it out of Cargo.toml");
}

#[test]
fn every_prohibition_has_a_reason() {
    let clippy: toml::Table = read("clippy.toml").parse().unwrap();
    for (key, entries) in &clippy {
        let entries =
            entries.as_array().unwrap_or_else(|| panic!("clippy.toml: {key} is not a list of entries"));
        let bare = entries
            .iter()
            .filter(|entry| entry.get("reason").and_then(|reason| reason.as_str()).is_none_or(str::is_empty));
        none(bare.map(ToString::to_string), "clippy.toml: say why, and what to use instead");
    }
}

#[test]
fn manual_pages_are_addresses() {
    let kernel = sources(&["src/kernel", "src/probe", "src/container"]);
    let mut wrong = vec![];
    let mut pages = 0;
    for source in &kernel {
        for (at, line) in source.text.lines().enumerate() {
            for address in
                line.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(address, _)| address)
            {
                if !address.contains("://") {
                    continue;
                }
                pages += 1;
                if !is_address(address) {
                    wrong.push(format!("{}:{}: {address}", source.path, at + 1));
                }
            }
        }
    }
    assert!(pages > 20, "the kernel functions name their manual pages: {pages}");
    none(wrong, "https://man7.org/linux/man-pages/manN/NAME.N.html, or another https address");
}

/// Whether this is a well-formed public address; a manual page's section is in it twice.
fn is_address(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else { return false };
    let plain = rest.chars().all(|sign| sign.is_ascii_alphanumeric() || "-._~/#+".contains(sign));
    let page = rest.strip_prefix("man7.org/linux/man-pages/man").map(|page| {
        let (section, name) = page.split_once('/').unwrap_or_default();
        let name = name.split('#').next().unwrap_or_default();
        section.len() == 1 && name.len() > 7 && name.ends_with(&format!(".{section}.html"))
    });
    plain && rest.contains('.') && page.unwrap_or(true)
}
