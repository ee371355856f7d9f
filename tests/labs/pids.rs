//! Find out how often a fork was refused.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "pids",
    tools: &["grep", "sed"],
    prelude: "path=${path%/}",
    wrong: &[
        Wrong {
            what: "the limit",
            script: "cat $path/pids.max",
            claim: "how often a fork was refused",
            says: "that is the limit, not how often it was met",
        },
        Wrong {
            what: "how many are alive",
            script: "grep -c . $path/cgroup.procs",
            claim: "how often a fork was refused",
            says: "that is how many processes are alive in the group",
        },
        Wrong {
            what: "how many there are, after the limit was raised",
            script: "echo 100 > $path/pids.max; cat $path/pids.current",
            claim: "how often a fork was refused",
            says: "that is how many processes count against the limit",
        },
        Wrong {
            what: "a guess",
            script: "echo 1000",
            claim: "how often a fork was refused",
            says: "the kernel has counted another number",
        },
        Wrong {
            what: "the line in place of the number",
            script: "cat $path/pids.events | sed 's/ /=/'",
            claim: "how often a fork was refused",
            says: "an answer is a number: glassbox lab check pids NUMBER",
        },
    ],
    right: &[
        Right { what: "pids.events", script: "sed -n 's/^max //p' $path/pids.events" },
        Right {
            what: "after a process of one's own was moved in",
            script: "sleep 100000 & echo $! > $path/cgroup.procs; sed -n 's/^max //p' $path/pids.events",
        },
    ],
    follow: None,
    runs: None,
};
