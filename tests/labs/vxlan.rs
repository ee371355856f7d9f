//! Find the number of an overlay network.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "vxlan",
    tools: &["nsenter", "ip", "sed", "grep"],
    prelude: "
        host() { $host -euc \"$1\"; }
        mine() { host \"ip -o -4 address\" | grep -F \"${subnet%.0/24}.\" | sed 's/^[0-9]*: *//;s/ .*//'; }
        others() { host \"ip -o -4 address\" | grep -Fv \"${subnet%.0/24}.\" | sed -n 's/^[0-9]*: *\\(vx[0-9]\\).*/\\1/p'; }
        number() { host \"ip -details link show $1\" | sed -n 's/.*vxlan id \\([0-9]*\\).*/\\1/p'; }",
    wrong: &[
        Wrong {
            what: "the port",
            script: "host 'ip -details link' | sed -n 's/.*dstport \\([0-9]*\\).*/\\1/p' | sed -n 1p",
            claim: "the number of $subnet",
            says: "that is the UDP port, which all networks have in common",
        },
        Wrong {
            what: "that of another network",
            script: "number $(others | sed -n 1p)",
            claim: "the number of $subnet",
            says: "which has another network",
        },
        Wrong {
            what: "the number of the interface",
            script: "host \"ip -o link show $(mine)\" | sed 's/:.*//'",
            claim: "the number of $subnet",
            says: "no overlay network of this host has that number",
        },
        Wrong {
            what: "its name",
            script: "mine",
            claim: "the number of $subnet",
            says: "an answer is a number",
        },
    ],
    right: &[
        Right { what: "ip -details", script: "number $(mine)" },
        Right {
            what: "and another network was added",
            script: "
                host 'ip link add vx9 type vxlan id 9 dstport 4789 remote 127.0.0.1'
                number $(mine)",
        },
    ],
    follow: None,
    runs: None,
};
