//! Connect a container to its host.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "veth",
    tools: &["grep", "sed", "nsenter", "ip"],
    prelude: "
        host() { $host -euc \"$1\"; }
        inside() { $nsenter -t $pid -n sh -euc \"$1\"; }
        pid=$(process)
        cable() { host \"ip link add veth0 type veth peer name eth0 netns $pid\"; }",
    wrong: &[
        Wrong {
            what: "both ends on the host",
            script: "host 'ip link add veth0 type veth peer name eth0'",
            claim: "an end of a veth pair is in the container, called eth0",
            says: "both ends of the pair are on the host: one of them has to be moved",
        },
        Wrong {
            what: "the end inside has another name",
            script: "host \"ip link add veth0 type veth peer name veth1 netns $pid\"",
            claim: "an end of a veth pair is in the container, called eth0",
            says: "an end is inside, under another name",
        },
        Wrong {
            what: "only the container's end is up",
            script: "
                cable
                host \"ip address add $gateway/24 dev veth0\"
                inside \"ip address add $address/24 dev eth0; ip link set eth0 up\"",
            claim: "both ends are up",
            says: "the end on the host is down, so there is no carrier",
        },
        Wrong {
            what: "the addresses the wrong way round",
            script: "
                cable
                host \"ip address add $address/24 dev veth0; ip link set veth0 up\"
                inside \"ip address add $gateway/24 dev eth0; ip link set eth0 up\"",
            claim: "the container has the address $address",
            says: "that address is on the other side of the cable",
        },
        Wrong {
            what: "an address without its network",
            script: "
                cable
                host \"ip address add $gateway/24 dev veth0; ip link set veth0 up\"
                inside \"ip address add $address/32 dev eth0; ip link set eth0 up\"",
            claim: "the host answers",
            says: "nothing came back",
        },
    ],
    right: &[
        Right {
            what: "ip link, made in place",
            script: "
                cable
                host \"ip address add $gateway/24 dev veth0; ip link set veth0 up\"
                inside \"ip address add $address/24 dev eth0; ip link set eth0 up\"",
        },
        Right {
            what: "made on the host, moved and renamed",
            script: "
                host \"ip link add left type veth peer name right; ip link set right netns $pid\"
                inside \"ip link set right name eth0; ip link set eth0 up; ip address add $address/24 dev eth0\"
                host \"ip link set left up; ip address add $gateway/24 dev left\"
                host 'ip link add unused type veth peer name leftover'",
        },
    ],
    follow: None,
    runs: None,
};
