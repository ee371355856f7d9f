//! Find the namespace that was forgotten.

use crate::{Attempts, Right, Wrong};

const CLAIM: &str = "the namespace that was forgotten";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "exec",
    tools: &["readlink", "sed"],
    prelude: "
        number() { for p in /proc/[0-9]*; do
            if [ \"$(tr '\\0' ' ' < $p/cmdline 2>/dev/null)\" = \"sleep $1 \" ]; then echo ${p#/proc/}; fi; done; }
        one=$(number $first); two=$(number $second)
        each() { for n in mnt uts ipc net; do
            if [ $(readlink /proc/$one/ns/$n) $1 $(readlink /proc/$two/ns/$n) ]; then echo $n; fi; done; }",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: CLAIM,
            says: "an answer is the name of a namespace: glassbox lab check exec NAME",
        },
        Wrong {
            what: "one that was joined",
            script: "each = | sed -n 1p",
            claim: CLAIM,
            says: "that one is joined: both links are equal",
        },
        Wrong {
            what: "one that is not the container's",
            script: "echo pid",
            claim: CLAIM,
            says: "the container has none of this kind for itself: both are in the one of the scene",
        },
        Wrong {
            what: "another name",
            script: "echo network",
            claim: CLAIM,
            says: "a namespace is called as in /proc/PID/ns: mnt, uts, ipc, net",
        },
    ],
    right: &[
        Right { what: "the links that differ", script: "each !=" },
        Right {
            what: "one after the other",
            script: "for n in net ipc uts mnt; do
                a=$(readlink /proc/$one/ns/$n); b=$(readlink /proc/$two/ns/$n); [ $a = $b ] || echo $n; done",
        },
    ],
    follow: None,
    runs: None,
};
