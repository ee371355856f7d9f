//! The lessons, in the order in which they are taken. This table is the only numbering.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::stage::Lesson;

mod bridge;
mod build;
mod capabilities;
#[path = "cgroup-ns/mod.rs"]
mod cgroup_ns;
#[path = "cgroup-tree/mod.rs"]
mod cgroup_tree;
mod chroot;
mod commit;
mod container;
#[path = "copy-up/mod.rs"]
mod copy_up;
mod cpu;
#[path = "dev-proc-sys/mod.rs"]
mod dev_proc_sys;
mod exec;
mod freezer;
#[path = "host-network/mod.rs"]
mod host_network;
#[path = "hundred-nodes/mod.rs"]
mod hundred_nodes;
#[path = "init-layer/mod.rs"]
mod init_layer;
mod io;
mod ipc;
mod isolation;
mod join;
mod layers;
mod macvlan;
mod memory;
mod mount;
mod nat;
mod network;
#[path = "no-new-privs/mod.rs"]
mod no_new_privs;
#[path = "one-image/mod.rs"]
mod one_image;
mod overlay;
mod pid;
mod pids;
#[path = "pivot-root/mod.rs"]
mod pivot_root;
mod process;
mod rootless;
mod seccomp;
mod ship;
#[path = "storage-drivers/mod.rs"]
mod storage_drivers;
mod time;
mod user;
mod uts;
mod veth;
mod vm;
mod vxlan;

/// Lessons that belong together.
pub struct Part {
    /// What they are about.
    pub title: &'static str,
    /// In order.
    pub lessons: &'static [&'static Lesson],
}

impl Part {
    /// How long it takes.
    pub fn minutes(&self) -> u32 {
        self.lessons.iter().map(|lesson| lesson.minutes).sum()
    }
}

/// Every lesson, in order.
pub const PARTS: &[Part] = &[
    Part { title: "What a container is", lessons: &[&process::LESSON, &vm::LESSON] },
    Part {
        title: "Namespaces",
        lessons: &[
            &uts::LESSON,
            &pid::LESSON,
            &mount::LESSON,
            &ipc::LESSON,
            &network::LESSON,
            &user::LESSON,
            &cgroup_ns::LESSON,
            &time::LESSON,
            &join::LESSON,
        ],
    },
    Part {
        title: "Control groups",
        lessons: &[
            &cgroup_tree::LESSON,
            &memory::LESSON,
            &cpu::LESSON,
            &pids::LESSON,
            &freezer::LESSON,
            &io::LESSON,
        ],
    },
    Part {
        title: "Union file system and images",
        lessons: &[
            &overlay::LESSON,
            &copy_up::LESSON,
            &layers::LESSON,
            &init_layer::LESSON,
            &one_image::LESSON,
            &commit::LESSON,
            &storage_drivers::LESSON,
            &build::LESSON,
            &ship::LESSON,
        ],
    },
    Part {
        title: "Root file system",
        lessons: &[&chroot::LESSON, &pivot_root::LESSON, &dev_proc_sys::LESSON],
    },
    Part {
        title: "Networks",
        lessons: &[
            &veth::LESSON,
            &bridge::LESSON,
            &nat::LESSON,
            &host_network::LESSON,
            &macvlan::LESSON,
            &vxlan::LESSON,
        ],
    },
    Part {
        title: "Security",
        lessons: &[&capabilities::LESSON, &seccomp::LESSON, &no_new_privs::LESSON, &rootless::LESSON],
    },
    Part {
        title: "The container",
        lessons: &[&container::LESSON, &exec::LESSON, &isolation::LESSON, &hundred_nodes::LESSON],
    },
];

/// Every lesson, in order.
pub fn all() -> impl Iterator<Item = &'static Lesson> {
    PARTS.iter().flat_map(|part| part.lessons.iter().copied())
}

/// How long all of it takes.
pub fn minutes() -> u32 {
    PARTS.iter().map(Part::minutes).sum()
}

/// The lesson of this name.
pub fn find(id: &str) -> Option<&'static Lesson> {
    all().find(|lesson| lesson.id == id)
}

/// How many nodes a lesson can have, if the learner can choose that.
pub fn nodes(lesson: &Lesson) -> Option<RangeInclusive<usize>> {
    let with = [(one_image::LESSON.id, one_image::NODES), (hundred_nodes::LESSON.id, hundred_nodes::NODES)];
    with.into_iter().find(|(id, _)| *id == lesson.id).map(|(_, nodes)| nodes)
}
