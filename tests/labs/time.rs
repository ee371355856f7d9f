//! Find how far the boot clock of a process is ahead.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "time",
    tools: &["grep", "sed", "seq", "nsenter"],
    prelude: "offset() { sed -n \"s/^$1 *\\([0-9]*\\).*/\\1/p\" /proc/$(process)/timens_offsets; }",
    wrong: &[
        Wrong {
            what: "the monotonic clock",
            script: "echo $(($(offset monotonic) / 86400))",
            claim: "the days by which its boot clock is ahead",
            says: "that is its monotonic clock",
        },
        Wrong {
            what: "seconds",
            script: "offset boottime",
            claim: "the days by which its boot clock is ahead",
            says: "that is in seconds: divide by those of a day",
        },
        Wrong {
            what: "hours",
            script: "echo $(($(offset boottime) / 3600))",
            claim: "the days by which its boot clock is ahead",
            says: "that is in hours",
        },
        Wrong {
            what: "one's own uptime",
            script: "echo $(($(sed 's/[.].*//' /proc/uptime) / 86400))",
            claim: "the days by which its boot clock is ahead",
            says: "that is your own uptime",
        },
        Wrong {
            what: "a year",
            script: "echo 1000",
            claim: "the days by which its boot clock is ahead",
            says: "neither of its clocks is moved by so much",
        },
        Wrong {
            what: "a name in place of a number",
            script: "echo $name",
            claim: "the days by which its boot clock is ahead",
            says: "an answer is a number: glassbox lab check time DAYS",
        },
        Wrong {
            what: "it was ended",
            script: "end $(process)",
            claim: "the process is running",
            says: "it was ended: `glassbox lab reset time`, then start again",
        },
    ],
    right: &[
        Right { what: "its offsets, read from the host", script: "echo $(($(offset boottime) / 86400))" },
        Right {
            what: "its uptime, read inside, less one's own",
            script: "
                user='-U --preserve-credentials'
                [ $(readlink /proc/$(process)/ns/user) != $(readlink /proc/self/ns/user) ] || user=''
                up=$(sed 's/[.].*//' /proc/uptime)
                inside=$(nsenter -t $(process) $user -T sed 's/[.].*//' /proc/uptime)
                echo $(((inside - up) / 86400))",
        },
    ],
    follow: None,
    runs: None,
};
