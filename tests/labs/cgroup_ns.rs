//! Find the group of a process that sees itself at the root.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "cgroup-ns",
    tools: &["grep", "sed", "nsenter"],
    // Version 1 has a line for each tree, version 2 a single one.
    prelude: "
        path() {
            sed -E 's/^[0-9]+:([^:]*,)?pids(,[^:]*)?:/!/' | sort | sed -n 's/^!//p; s/^0:://p' | head -n 1
        }",
    wrong: &[
        Wrong {
            what: "the root, as it sees it itself",
            script: "echo /",
            claim: "the group that it is in",
            says: "that is how it looks from inside",
        },
        Wrong {
            what: "one's own path, read from inside",
            script: "${enter% sh} cat /proc/self/cgroup | path",
            claim: "the group that it is in",
            says: "that is read from inside; the path begins at the root that you see",
        },
        Wrong {
            what: "the name alone",
            script: "path </proc/$(process $process)/cgroup | sed 's,.*/,,'",
            claim: "the group that it is in",
            says: "that is the end of it: the whole path begins with /",
        },
        Wrong {
            what: "the directory",
            script: "echo /sys/fs/cgroup$(path </proc/$(process $process)/cgroup)",
            claim: "the group that it is in",
            says: "that is the directory; the path begins where the tree is mounted",
        },
        Wrong {
            what: "no answer",
            script: "true",
            claim: "the group that it is in",
            says: "an answer is a path: glassbox lab check cgroup-ns PATH",
        },
    ],
    right: &[
        Right { what: "read from outside", script: "path </proc/$(process $process)/cgroup" },
        Right {
            what: "with a process of one's own left behind",
            script: "sleep 100000 & path </proc/$(process $process)/cgroup",
        },
    ],
    follow: None,
    runs: None,
};
