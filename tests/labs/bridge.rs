//! Find the container that is cut off, and bring it back.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "bridge",
    tools: &["grep", "nsenter", "ip"],
    prelude: "
        host() { $host -euc \"$1\"; }
        for port in port1 port2 port3; do
            host \"ip -o link show $port\" | grep -q 'master br0' || broken=$port
        done",
    wrong: &[
        Wrong {
            what: "another bridge",
            script: "host \"ip link add br1 type bridge; ip link set br1 up; ip link set $broken master br1\"",
            claim: "port",
            says: "is a port of br1, and the two others are on br0: that is a switch of its own",
        },
        Wrong {
            what: "up once more",
            script: "host \"ip link set $broken down; ip link set $broken up\"",
            claim: "port",
            says: "is a port of no bridge: what comes in there goes nowhere",
        },
        Wrong {
            what: "on the bridge, and down",
            script: "host \"ip link set $broken down; ip link set $broken master br0\"",
            claim: "port",
            says: "is a port of br0, and down: it forwards nothing",
        },
        Wrong {
            what: "deleted",
            script: "host \"ip link del $broken\"",
            claim: "port",
            says: "is gone, and the container's end with it",
        },
        Wrong {
            what: "the bridge is down",
            script: "host \"ip link set $broken master br0; ip link set br0 down\"",
            claim: "every container reaches every other",
            says: "the ports are right, and packets are lost",
        },
    ],
    right: &[
        Right { what: "ip link", script: "host \"ip link set $broken master br0\"" },
        Right {
            what: "all of them once more, and an unused bridge",
            script: "
                host 'ip link add spare type bridge'
                host 'for port in port1 port2 port3; do ip link set $port nomaster; ip link set $port master br0; done'",
        },
    ],
    follow: Some("host \"$hint\""),
    runs: None,
};
