//! Let a frozen process run again. The scripts do so on either version of cgroups.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "freezer",
    tools: &["grep", "sed", "seq"],
    prelude: "
        path=${path%/}
        above=${path%/*} top=${above%/*}
        pid=$(process $process)
        if [ -e $path/freezer.state ]; then switch=freezer.state off=THAWED; else switch=cgroup.freeze off=0; fi
        thaw() { for group in $*; do echo $off > $group/$switch; done; }",
    wrong: &[
        Wrong {
            what: "SIGCONT",
            script: "kill -CONT $pid",
            claim: "its group runs",
            says: "its group is frozen, and no signal changes that",
        },
        Wrong {
            what: "its own group only",
            script: "thaw $path",
            claim: "its group runs",
            says: "its own group is not told to stand still any more, but a group above it is",
        },
        Wrong {
            what: "the groups above only",
            script: "thaw $top $above",
            claim: "its group runs",
            says: "its group is frozen, and no signal changes that",
        },
        Wrong {
            what: "it was ended",
            script: "
                kill -KILL $pid; thaw $top $above $path
                await_end $pid",
            claim: "$process lives",
            says: "it was ended: it should run again",
        },
        Wrong {
            what: "it was moved out",
            script: "mkdir $top-out; echo $pid > $top-out/cgroup.procs",
            claim: "it is in its group",
            says: "it was moved out: in there everything still stands still",
        },
    ],
    right: &[
        Right { what: "from the outside in", script: "thaw $top $above $path" },
        Right { what: "from the inside out, with a signal in between", script: "thaw $path; kill -CONT $pid; thaw $above $top" },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
