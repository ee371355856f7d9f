//! Find the service that counts its memory together with batch.

use crate::{Attempts, Right, Wrong};

const CLAIM: &str = "the service that is in danger";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "isolation",
    tools: &["readlink", "sed", "tr", "grep"],
    prelude: "
        number() { for p in /proc/[0-9]*; do
            if [ \"$(tr '\\0' ' ' < $p/cmdline 2>/dev/null)\" = \"sleep $1 \" ]; then echo ${p#/proc/}; fi; done; }
        victim=$(number $batch)
        same() { for s in web mail shop wiki; do
            eval seconds=\\$$s
            if [ $(readlink /proc/$victim/ns/$1) = $(readlink /proc/$(number $seconds)/ns/$1) ]; then echo $s; fi
        done; }
        group() { sed -n 's/^[0-9]*:\\([^:]*,\\)*memory\\(,[^:]*\\)*://p' /proc/$1/cgroup | grep . || sed -n 's/^0:://p' /proc/$1/cgroup; }",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: CLAIM,
            says: "an answer is the name of a service: glassbox lab check isolation NAME",
        },
        Wrong {
            what: "the one with the same files",
            script: "same mnt",
            claim: CLAIM,
            says: "that one shares the files of batch, and has memory of its own",
        },
        Wrong {
            what: "the one with the same network",
            script: "same net",
            claim: CLAIM,
            says: "that one shares the network of batch, and has memory of its own",
        },
        Wrong {
            what: "the one with the same IPC namespace",
            script: "same ipc",
            claim: CLAIM,
            says: "that one shares the IPC namespace of batch, and has memory of its own",
        },
        Wrong {
            what: "batch itself",
            script: "echo batch",
            claim: CLAIM,
            says: "batch is killed as well; the question is for whom it is no fault of its own",
        },
    ],
    right: &[
        Right {
            what: "the same group",
            script: "for s in web mail shop wiki; do
                eval seconds=\\$$s
                if [ \"$(group $victim)\" = \"$(group $(number $seconds))\" ]; then echo $s; fi; done",
        },
        Right {
            what: "the one that shares no namespace",
            script: "for s in web mail shop wiki; do
                case \" $(same mnt) $(same net) $(same ipc) \" in *\" $s \"*) ;; *) echo $s ;; esac; done",
        },
    ],
    follow: None,
    runs: None,
};
