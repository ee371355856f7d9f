//! Find the node that has another one's address, and give it its own.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "hundred-nodes",
    tools: &["grep", "nsenter", "ip", "pgrep", "awk", "sed"],
    prelude: "
        host() { $host -euc \"$1\"; }
        of() { host \"grep -w '$stem-$1' /tmp/hosts\" | awk '{ print $1 }'; }
        in_node() { host \"nsenter -t $(pgrep -x $stem-$1) -n sh -euc '$2'\"; }
        for number in 1 2 3 4 5 6 7 8 9 10 11 12; do
            in_node $number 'ip -o address show eth0' | grep -qwF \"$(of $number)\" || broken=$number
        done
        taken=$(in_node $broken 'ip -o -4 address show eth0' | awk '{ sub(\"/.*\", \"\", $4); print $4 }')
        right=$(host \"grep -w '$taken' /tmp/hosts\" | sed 's/.*-//')
        own=$(of $broken)",
    wrong: &[
        Wrong {
            what: "nothing but a second address",
            script: "in_node $broken \"ip address add $own/24 dev eth0\"",
            claim: "$stem",
            says: "it has its own address, and still that of another node",
        },
        Wrong {
            what: "the other one of the two",
            script: "in_node $right \"ip address flush dev eth0; ip address add $own/24 dev eth0\"",
            claim: "$stem",
            says: "it was right, and has been changed: the other one of the two is wrong",
        },
        Wrong {
            what: "no address any more",
            script: "in_node $broken 'ip address flush dev eth0'",
            claim: "$stem",
            says: "it has no address at all",
        },
        Wrong {
            what: "another address of the network",
            script: "in_node $broken \"ip address flush dev eth0; ip address add ${own%.*}.99/24 dev eth0\"",
            claim: "$stem",
            says: "it has an address that is not its own",
        },
        Wrong {
            what: "the names were changed",
            script: "host \"sed 's/^$own /$taken /' /tmp/hosts > /tmp/new; cat /tmp/new > /tmp/hosts\"",
            claim: "the names have their addresses",
            says: "the hosts file was changed: it said what was right",
        },
        Wrong {
            what: "without its network",
            script: "in_node $broken \"ip address flush dev eth0; ip address add $own/32 dev eth0\"",
            claim: "it reaches all others",
            says: "has the address 24 bits",
        },
    ],
    right: &[
        Right {
            what: "one address for the other",
            script: "in_node $broken \"ip address del $taken/24 dev eth0; ip address add $own/24 dev eth0\"",
        },
        Right {
            what: "all of them once more",
            script: "for number in 1 2 3 4 5 6 7 8 9 10 11 12; do
                in_node $number \"ip address flush dev eth0; ip address add $(of $number)/24 dev eth0\"
            done",
        },
    ],
    follow: Some("host \"$hint\""),
    runs: None,
};
