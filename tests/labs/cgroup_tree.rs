//! Remove a group that is busy, and keep its process. The scripts do so on either version of cgroups.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "cgroup-tree",
    tools: &["grep", "sed", "seq"],
    prelude: "
        path=${path%/}
        pid=$(process $process)
        move() { mkdir -p $1; echo $pid > $1/cgroup.procs; }
        clear() { for below in $path/*/; do rmdir $below; done; }",
    wrong: &[
        Wrong {
            what: "the process was ended",
            script: "
                end $pid
                for try in $(seq 600); do
                    ( clear; rmdir $path ) 2> /dev/null || true; [ -e $path ] || break; sleep 0.1
                done",
            claim: "$process lives on",
            says: "it was ended: to move it would have been enough",
        },
        Wrong {
            what: "one level up",
            script: "echo $pid > $path/cgroup.procs; clear",
            claim: "it is outside of $name",
            says: "it is in $name itself: one level up is still inside",
        },
        Wrong {
            what: "another group below",
            script: "move $path/other",
            claim: "it is outside of $name",
            says: "it is still inside, in other",
        },
        Wrong {
            what: "moved, and nothing removed",
            script: "move $path-out",
            claim: "the group is gone",
            says: "it still has groups below it: web, mail, batch",
        },
        Wrong {
            what: "moved, and only the inner groups removed",
            script: "move $path-out; clear",
            claim: "the group is gone",
            says: "nothing is below it any more, and the group itself is left",
        },
        Wrong {
            what: "rm -r",
            script: "move $path-out; rm -rf $path 2> /dev/null || true",
            claim: "the group is gone",
            says: "it still has groups below it: ",
        },
    ],
    right: &[
        Right {
            what: "moved beside it, then removed from the inside out",
            script: "move $path-out; clear; rmdir $path",
        },
        Right { what: "moved in two steps", script: "move $path/other; move $path-out; clear; rmdir $path" },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
