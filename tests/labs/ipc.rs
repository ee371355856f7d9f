//! Count the messages in a queue, in the right namespace.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "ipc",
    tools: &["nsenter", "grep", "sed", "seq", "ipcs", "ipcrm"],
    prelude: "
        inside() { $(echo \"$look\" | sed \"s/PID/$1/;s/COMMAND/$2/\"); }
        queue() { inside $1 'ipcs -q' | grep \"^$hex \"; }",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: "how many messages wait in the queue",
            says: "an answer is a number: glassbox lab check ipc NUMBER",
        },
        Wrong {
            what: "the queue with this key in the namespace around",
            script: "
                outer=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$(process)/status)
                set -- $(queue $outer); echo $6",
            claim: "how many messages wait in the queue",
            says: "that is a queue with this key, in the IPC namespace of another process",
        },
        Wrong {
            what: "bytes",
            script: "set -- $(queue $(process)); echo $5",
            claim: "how many messages wait in the queue",
            says: "those are bytes, not messages",
        },
        Wrong {
            what: "the other queue",
            script: "set -- $(inside $(process) 'ipcs -q' | grep ^0x | grep -v \"^$hex \"); echo $6",
            claim: "how many messages wait in the queue",
            says: "that is another queue: its key is higher by one",
        },
        Wrong {
            what: "a guess",
            script: "echo 1",
            claim: "how many messages wait in the queue",
            says: "no queue with this key has so many messages",
        },
        Wrong {
            what: "the queue removed",
            script: "inside $(process) \"ipcrm -Q $hex\"",
            claim: "the queue is there",
            says: "it was removed: `glassbox lab reset ipc`, then start again",
        },
        Wrong {
            what: "the process ended",
            script: "end $(process)",
            claim: "the process is running",
            says: "it was ended: `glassbox lab reset ipc`, then start again",
        },
    ],
    right: &[
        Right { what: "ipcs", script: "set -- $(queue $(process)); echo $6" },
        Right {
            what: "the kernel's own list, which has the key as a decimal number",
            script: "
                set -- $(inside $(process) 'cat \\/proc\\/sysvipc\\/msg' | grep \"^ *$(printf %d $hex) \")
                echo $5",
        },
        Right {
            what: "with a queue of one's own left in one's own namespace",
            script: "set -- $(queue $(process)); echo $6; unshare -r -i ipcmk -Q >/dev/null",
        },
    ],
    follow: None,
    runs: None,
};
