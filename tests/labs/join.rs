//! Start a program in a container that is running.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "join",
    tools: &["grep", "sed", "seq", "nsenter", "unshare"],
    prelude: "pid=$(process)",
    wrong: &[
        Wrong {
            what: "ended before the check",
            script: "$nsenter -t $pid -u -i -p sleep 0",
            claim: "`sleep $seconds` is running",
            says: "start it, and leave it running in another terminal",
        },
        Wrong {
            what: "not joined at all",
            script: "sleep $seconds &",
            claim: "its uts namespace is the container's",
            says: "it is in the host's uts namespace",
        },
        Wrong {
            what: "the host name only",
            script: "$nsenter -t $pid -u sleep $seconds &",
            claim: "its ipc namespace is the container's",
            says: "it is in the host's ipc namespace",
        },
        Wrong {
            what: "the PID namespace without a fork",
            script: "$nsenter -t $pid -u -i -p --no-fork sleep $seconds &",
            claim: "its pid namespace is the container's",
            says: "it has joined the PID namespace for its children only",
        },
        Wrong {
            what: "new namespaces",
            script: "
                user='--user --map-root-user'
                [ \"$(id -u)\" != 0 ] || user=''
                unshare $user --uts --ipc --pid --fork sleep $seconds &",
            claim: "its uts namespace is the container's",
            says: "that is a new uts namespace, neither the container's nor the host's",
        },
        Wrong {
            what: "the container was ended",
            script: "end $pid",
            claim: "the container is running",
            says: "it was ended: `glassbox lab reset join`, then start again",
        },
    ],
    right: &[
        Right { what: "nsenter", script: "$nsenter -t $pid -u -i -p sleep $seconds &" },
        Right {
            what: "its mounts too, and a shell in between",
            script: "$nsenter -t $pid -m -u -i -p sh -c 'sleep '$seconds'; true' & : sleep $seconds",
        },
        Right {
            what: "by the links",
            script: "
                $nsenter -t $pid --uts=/proc/$pid/ns/uts --ipc=/proc/$pid/ns/ipc --pid=/proc/$pid/ns/pid \\
                    sleep $seconds &",
        },
    ],
    follow: None,
    runs: Some("sleep $seconds"),
};
