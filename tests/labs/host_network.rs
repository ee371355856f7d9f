//! Find the container that has its host's network.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "host-network",
    tools: &["grep", "sed", "readlink"],
    prelude: "
        network() { readlink /proc/$1/ns/net; }
        with() { for name in $name1 $name2 $name3 $name4; do
            if [ $(network $(process $name)) $1 $(network $holder) ]; then echo $name; fi; done; }",
    wrong: &[
        Wrong {
            what: "one with a network of its own",
            script: "with != | sed -n 1p",
            claim: "which container has the host's network",
            says: "that container has a network of its own",
        },
        Wrong {
            what: "its number",
            script: "process $(with =)",
            claim: "which container has the host's network",
            says: "that is none of the four",
        },
        Wrong {
            what: "the host itself",
            script: "sed -n 1p /proc/$holder/comm",
            claim: "which container has the host's network",
            says: "that is none of the four",
        },
    ],
    right: &[
        Right { what: "by the links", script: "with =" },
        Right {
            what: "by the inode of the link",
            script: "
            for name in $name1 $name2 $name3 $name4; do
                if [ /proc/$(process $name)/ns/net -ef /proc/$holder/ns/net ]; then echo $name; fi
            done",
        },
    ],
    follow: None,
    runs: None,
};
