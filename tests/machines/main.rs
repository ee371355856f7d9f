//! Every machine: the lessons, the labs and doctor on other kernels, cgroup layouts and users, and where a machine
//! refuses. Virtual machines, because this one has one kernel and one layout.
//!
//! ```text
//! cargo test --test machines                                              every cell, most of them with a sample
//! cargo test --test machines -- --include-ignored                         the matrix: every lesson in every cell
//! cargo test --test machines -- --include-ignored 'Linux 6.12, v2: root'  one cell
//! ```
//!
//! `INSTA_UPDATE=always` accepts what the machines say: the transcripts of the layouts that this machine does not
//! have, the refusals, and the table of the README.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod apt;
mod boot;
mod cells;
#[path = "../common/mod.rs"]
mod common;
mod judge;
mod kernel;
mod matrix;
mod payload;
mod processor;
mod table;
mod tree;
mod words;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use cells::{Cell, Extent, MACHINES, Machine};
use glassbox::kernel::arch;
use matrix::Matrix;
use processor::Processor;

/// What the machines are made with, and the package of Debian that has it.
const TOOLS: [(&str, &str); 9] = [
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("modprobe", "kmod"),
    ("cpio", "cpio"),
    ("setpriv", "util-linux"),
    ("xz", "xz-utils"),
    ("tar", "tar"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let every = || MACHINES.iter().flat_map(|machine| machine.cells.iter().map(move |cell| (machine, cell)));
    let chosen: Vec<Chosen> = every()
        .enumerate()
        .map(|(number, (machine, cell))| Chosen { number, machine, cell, extent: extent(&arguments, cell) })
        .filter(|chosen| is_chosen(&arguments, &chosen.name()))
        .collect();
    let is_whole = arguments.include_ignored && chosen.len() == every().count();
    if !arguments.list && !chosen.is_empty() && !can_boot() {
        return common::run(vec![]);
    }
    let matrix = Arc::new(Matrix::new(chosen.clone()));
    let trials = chosen.into_iter().map(|chosen| {
        let matrix = Arc::clone(&matrix);
        Trial::test(chosen.name(), move || matrix.hold(&chosen.name()).map_err(Failed::from))
    });
    let mut trials: Vec<Trial> = trials.collect();
    if is_whole {
        let matrix = Arc::clone(&matrix);
        trials.push(common::trial("the README says what works where", move || table::hold(&matrix.rows())));
    }
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    // A cell waits for its machine, which takes long enough to be waited for by all of them at once.
    let arguments = Arguments { test_threads: Some(trials.len().max(1)), ..arguments };
    std::thread::scope(|scope| {
        scope.spawn(|| matrix.boot_all());
        let conclusion = libtest_mimic::run(&arguments, trials);
        println!("{}", table::matrix(&matrix.rows()));
        conclusion.exit_code()
    })
}

/// A cell that is tried.
#[derive(Clone, Copy)]
struct Chosen {
    number: usize,
    machine: &'static Machine,
    cell: &'static Cell,
    extent: Extent,
}

impl Chosen {
    fn name(&self) -> String {
        self.machine.cell_name(self.cell)
    }

    fn slug(&self) -> String {
        self.machine.cell_slug(self.cell)
    }

    fn lessons(&self) -> Vec<&'static str> {
        self.extent.lessons(self.number)
    }

    /// The suites that are run in it.
    fn suites(&self) -> &'static [&'static str] {
        let is_thorough = self.cell.thorough && self.extent == Extent::Whole;
        if is_thorough { &["no_trace", "labs", "transcripts"] } else { &["no_trace", "labs"] }
    }
}

fn extent(arguments: &Arguments, cell: &Cell) -> Extent {
    if arguments.include_ignored || cell.always { Extent::Whole } else { Extent::Sample }
}

fn is_chosen(arguments: &Arguments, name: &str) -> bool {
    let filter = arguments.filter.as_deref();
    let fits = |filter: &str| if arguments.exact { name == filter } else { name.contains(filter) };
    filter.is_none_or(fits) && !arguments.skip.iter().any(|skip| name.contains(skip.as_str()))
}

/// Whether machines can be made here; says what is missing if not. In CI nothing may be missing.
fn can_boot() -> bool {
    let Some(Processor { qemu, package, .. }) = processor::here() else {
        common::skip("every machine", format!("there are no virtual machines for {}", arch::HERE.name));
        return false;
    };
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let is_missing = |tool: &str| !std::env::split_paths(&path).any(|dir| dir.join(tool).is_file());
    let wanted = TOOLS.iter().copied().chain([(*qemu, *package)]);
    let missing: Vec<_> = wanted.filter(|(tool, _)| is_missing(tool)).map(|(_, package)| package).collect();
    let why = format!("virtual machines want what is missing here: apt install {}", missing.join(" "));
    assert!(missing.is_empty() || !common::is_ci(), "in CI {why}");
    if !missing.is_empty() {
        common::skip("every machine", why);
    }
    missing.is_empty()
}
