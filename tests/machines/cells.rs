//! The matrix: which machines are booted, and as whom, under which circumstances, glassbox is tried on each.
//!
//! A cell on a machine that is there costs nothing to write down; a machine costs a boot.

/// A virtual machine.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// The series of its kernel, or `newest`.
    pub(crate) kernel: &'static str,
    /// How its cgroup trees are mounted: `v2`, `v1` or `mixed`.
    pub(crate) layout: &'static str,
    /// Whether systemd is process 1, with real logins; else a script sets up cgroups as systemd does.
    pub(crate) systemd: bool,
    /// What is added to the kernel's command line.
    pub(crate) boot: &'static str,
    /// What is done before the first cell: a command of guest/circumstances.sh.
    pub(crate) lacks: &'static str,
    pub(crate) cells: &'static [Cell],
}

/// Somebody on it.
pub(crate) struct Cell {
    pub(crate) who: Who,
    /// A function of guest/circumstances.sh, around everything that is tried; `plainly` for none.
    pub(crate) circumstance: &'static str,
    /// How that is said.
    pub(crate) says: &'static str,
    /// The transcripts, too.
    pub(crate) thorough: bool,
    /// Whether all of it is tried whenever all tests are: of the others it is a sample, unless more is asked for.
    pub(crate) always: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    /// An ordinary user with a cgroup of his own, as `systemd-run --user --scope -p Delegate=yes` gives.
    Delegated,
    /// An ordinary user as he logs in.
    Login,
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Who::Root => "root",
            Who::Delegated => "user with a cgroup of his own",
            Who::Login => "user, plain login",
        }
    }

    /// What guest/init.sh calls him.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Who::Root => "root",
            Who::Delegated => "delegated",
            Who::Login => "login",
        }
    }
}

const fn plain(who: Who) -> Cell {
    Cell { who, circumstance: "plainly", says: "", thorough: false, always: false }
}

const fn thorough(who: Who) -> Cell {
    Cell { thorough: true, ..plain(who) }
}

/// What most readers have. CI tries one more as an ordinary user.
const fn always(cell: Cell) -> Cell {
    Cell { always: true, ..cell }
}

const fn under(who: Who, circumstance: &'static str, says: &'static str) -> Cell {
    Cell { circumstance, says, ..plain(who) }
}

const MACHINE: Machine = Machine {
    name: "",
    kernel: "6.1",
    layout: "v2",
    systemd: false,
    boot: "",
    lacks: "nothing",
    cells: &[plain(Who::Root), plain(Who::Delegated), plain(Who::Login)],
};

/// Version 1 is not handed on to ordinary users: there are two of them.
const WITHOUT_DELEGATION: &[Cell] = &[plain(Who::Root), plain(Who::Login)];

/// The machines.
pub(crate) const MACHINES: &[Machine] = &[
    Machine {
        name: "Debian 13, systemd",
        kernel: "6.12",
        systemd: true,
        cells: &[
            plain(Who::Root),
            plain(Who::Delegated),
            plain(Who::Login),
            under(Who::Login, "without_scope", "and --no-scope"),
            under(Who::Login, "apparmor_denies_namespaces", "AppArmor denies user namespaces"),
            under(Who::Login, "apparmor_denies_capabilities", "AppArmor as on Ubuntu 24.04"),
            under(Who::Root, "in_container", "in another container with docker's defaults"),
            under(Who::Login, "in_container", "in another container with docker's defaults"),
            under(Who::Root, "in_container_unfiltered", "in another container without a seccomp filter"),
        ],
        ..MACHINE
    },
    Machine {
        name: "Linux 6.1, v2",
        cells: &[
            thorough(Who::Root),
            plain(Who::Delegated),
            plain(Who::Login),
            under(Who::Login, "no_user_namespaces", "user.max_user_namespaces=0"),
            under(Who::Login, "no_unprivileged_namespaces", "kernel.unprivileged_userns_clone=0"),
            under(Who::Root, "state_on_overlay", "state directory on overlayfs"),
            under(Who::Login, "state_on_overlay", "state directory on overlayfs"),
        ],
        ..MACHINE
    },
    Machine {
        name: "Linux 6.1, v1",
        layout: "v1",
        cells: &[thorough(Who::Root), plain(Who::Login)],
        ..MACHINE
    },
    Machine { name: "Linux 6.1, mixed", layout: "mixed", cells: WITHOUT_DELEGATION, ..MACHINE },
    Machine { name: "Linux 5.10, v2", kernel: "5.10", ..MACHINE },
    Machine { name: "Linux 5.10, v1", kernel: "5.10", layout: "v1", cells: WITHOUT_DELEGATION, ..MACHINE },
    Machine {
        name: "Linux 6.12, v2",
        kernel: "6.12",
        cells: &[always(plain(Who::Root)), plain(Who::Delegated), plain(Who::Login)],
        ..MACHINE
    },
    Machine { name: "newest Linux, v2", kernel: "newest", ..MACHINE },
    Machine {
        name: "no memory controller",
        boot: "cgroup_disable=memory",
        cells: &[plain(Who::Root), plain(Who::Delegated)],
        ..MACHINE
    },
    Machine {
        name: "no overlayfs",
        lacks: "overlayfs",
        cells: &[plain(Who::Root), plain(Who::Login)],
        ..MACHINE
    },
];

/// How much is tried in a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every lesson, and the suites.
    Whole,
    /// Every other lesson, with its lab, and the next cell has the others.
    Sample,
}

impl Extent {
    /// The lessons of a cell that has this number.
    pub(crate) fn lessons(self, number: usize) -> Vec<&'static str> {
        let (first, step) = match self {
            Extent::Whole => (0, 1),
            Extent::Sample => (number % 2, 2),
        };
        glassbox::lessons::all().map(|lesson| lesson.id).skip(first).step_by(step).collect()
    }
}

impl Machine {
    /// The name of a cell's test: `Linux 6.1, v2: root`.
    pub(crate) fn cell_name(&self, cell: &Cell) -> String {
        let says = if cell.says.is_empty() { String::new() } else { format!(", {}", cell.says) };
        format!("{}: {}{says}", self.name, cell.who.name())
    }

    /// The same as a part of a file's name: `linux-6.1-v2-root`.
    pub(crate) fn cell_slug(&self, cell: &Cell) -> String {
        let words = self.cell_name(cell).to_lowercase().replace('\'', "");
        let words = words.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '.' && sign != '_');
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
    }
}
