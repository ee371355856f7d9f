//! Bring a container's loopback interface up.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "network",
    tools: &["nsenter", "unshare", "ip"],
    prelude: "
        inside() { $enter -euc \"$1\"; }",
    wrong: &[
        Wrong {
            what: "lo of another new namespace",
            script: "
                if [ $(id -u) = 0 ]; then u=; else u='--user --map-root-user'; fi
                unshare $u --net ip link set lo up",
            claim: "lo is up",
            says: "what was done outside of it does not count",
        },
        Wrong {
            what: "an address for an interface that is down",
            script: "inside 'ip address add 127.0.0.1/8 dev lo'",
            claim: "lo is up",
            says: "lo of the container's namespace is down",
        },
        Wrong {
            what: "up, and the address taken away",
            script: "inside 'ip link set lo up; ip address del 127.0.0.1/8 dev lo'",
            claim: "127.0.0.1 is its own",
            says: "lo is up and has no address 127.0.0.1: it was taken away",
        },
        Wrong {
            what: "up, and the packets dropped on the way",
            script: "inside 'ip link set lo up; ip rule add prohibit pref 1; ip rule add lookup local pref 2
                ip rule del lookup local pref 0'",
            claim: "a connection to 127.0.0.1:$port succeeds",
            says: "connect() says EACCES",
        },
    ],
    right: &[
        Right { what: "ip link", script: "inside 'ip link set lo up'" },
        Right {
            what: "with another address, and twice",
            script: "inside 'ip address add 127.0.0.2/8 dev lo; ip link set lo up; ip link set lo up'",
        },
        Right {
            what: "by nsenter from outside, without a shell inside",
            script: "${enter% sh} ip link set dev lo up",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
