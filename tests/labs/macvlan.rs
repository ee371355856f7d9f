//! Put a container onto the segment of its host.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "macvlan",
    tools: &["grep", "sed", "nsenter", "ip"],
    prelude: "
        host() { $host -euc \"$1\"; }
        inside() { $nsenter -t $pid -n sh -euc \"$1\"; }
        pid=$(process)
        child() { host \"ip link add link lan0 name eth0 address $1 netns $pid type macvlan mode bridge\"; }",
    wrong: &[
        Wrong {
            what: "left on the host",
            script: "host \"ip link add link lan0 name mv0 address $mac type macvlan mode bridge\"",
            claim: "eth0 of the container is a macvlan interface",
            says: "a macvlan interface is on the host: it has to go into the container",
        },
        Wrong {
            what: "a cable to the host",
            script: "
                host \"ip link add veth0 type veth peer name eth0 address $mac netns $pid; ip link set veth0 up\"
                inside \"ip link set eth0 up; ip address add $address/24 dev eth0\"",
            claim: "eth0 of the container is a macvlan interface",
            says: "that is veth, and not macvlan",
        },
        Wrong {
            what: "the address that the kernel has drawn",
            script: "
                host \"ip link add link lan0 name eth0 netns $pid type macvlan mode bridge\"
                inside \"ip link set eth0 up; ip address add $address/24 dev eth0\"",
            claim: "it has the hardware address that was asked for",
            says: "the kernel has drawn one",
        },
        Wrong {
            what: "never brought up",
            script: "child $mac; inside \"ip address add $address/24 dev eth0\"",
            claim: "the neighbour answers",
            says: "no route leads there: eth0 is down, or has no address of that network",
        },
    ],
    right: &[
        Right {
            what: "ip link, made in place",
            script: "child $mac; inside \"ip link set eth0 up; ip address add $address/24 dev eth0\"",
        },
        Right {
            what: "made on the host, moved, renamed, and addressed afterwards",
            script: "
                host \"ip link add link lan0 name mv0 type macvlan; ip link set mv0 netns $pid\"
                inside \"ip link set mv0 name eth0; ip link set eth0 address $mac; ip link set eth0 up\"
                inside \"ip address add $address/24 dev eth0\"",
        },
    ],
    follow: None,
    runs: None,
};
