//! Find out which namespaces a process has for itself.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "process",
    tools: &["grep", "sed", "seq", "readlink"],
    prelude: "
        kinds() {
            for kind in uts ipc net pid; do
                if [ \"$(readlink /proc/$(process)/ns/$kind)\" = \"$(readlink /proc/self/ns/$kind)\" ]; then
                    [ $1 = shared ] && echo $kind
                else
                    [ $1 = own ] && echo $kind
                fi
            done; true
        }
        list() { echo $* | sed 's/ /,/g'; }",
    wrong: &[
        Wrong {
            what: "all of them, as in the lesson",
            script: "echo uts,ipc,net,pid",
            claim: "the namespaces that it has for itself",
            says: "namespace is yours too: compare the links",
        },
        Wrong {
            what: "those that it shares",
            script: "list $(kinds shared)",
            claim: "the namespaces that it has for itself",
            says: "namespace is yours too: compare the links",
        },
        Wrong {
            what: "one of two",
            script: "set -- $(kinds own); echo $2",
            claim: "the namespaces that it has for itself",
            says: "there is one more that it has for itself",
        },
        Wrong {
            what: "a kind that was not asked about",
            script: "list mnt $(kinds own)",
            claim: "the namespaces that it has for itself",
            says: "the question is about uts, ipc, net and pid, and mnt is none of them",
        },
        Wrong {
            what: "how many there are",
            script: "echo 2",
            claim: "the namespaces that it has for itself",
            says: "an answer is kinds with commas between",
        },
        Wrong {
            what: "it was ended",
            script: "end $(process)",
            claim: "the process is running",
            says: "it was ended: `glassbox lab reset process`, then start again",
        },
    ],
    right: &[
        Right { what: "the links, compared", script: "list $(kinds own)" },
        Right { what: "in another order", script: "set -- $(kinds own); echo $2,$1" },
    ],
    follow: None,
    runs: None,
};
