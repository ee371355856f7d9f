//! Publish a container's service at a port of its host.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "nat",
    tools: &["nsenter", "nft"],
    prelude: "
        host() { $host -euc \"$1\"; }
        rule() { host \"nft 'add table ip t; add chain ip t c { type nat hook $1 priority $2; }; add rule ip t c $3'\"; }",
    wrong: &[
        Wrong {
            what: "accepted, and led nowhere",
            script: "host \"nft 'add table ip t; add chain ip t input { type filter hook input priority 0; };
                add rule ip t input tcp dport $port accept'\"",
            claim: "port $port of the host leads to the service",
            says: "the host itself has refused: no rule leads port $port anywhere",
        },
        Wrong {
            what: "the way out only",
            script: "rule postrouting 100 'oifname wan masquerade'",
            claim: "port $port of the host leads to the service",
            says: "the host itself has refused: no rule leads port $port anywhere",
        },
        Wrong {
            what: "to the same port inside",
            script: "rule prerouting -100 \"tcp dport $port dnat to $address\"",
            claim: "port $port of the host leads to the service",
            says: "somebody has refused: nobody listens where the rule leads to",
        },
        Wrong {
            what: "asked after routing, where only what comes from the host itself is led elsewhere",
            script: "rule output -100 \"tcp dport $port dnat to $address:80\"",
            claim: "port $port of the host leads to the service",
            says: "or it is asked too late",
        },
        Wrong {
            what: "to a neighbour who is not there",
            script: "rule prerouting -100 \"tcp dport $port dnat to ${address%.2}.3:80\"",
            claim: "port $port of the host leads to the service",
            says: "nothing came back",
        },
        Wrong {
            what: "every port",
            script: "rule prerouting -100 \"ip daddr 203.0.113.1 tcp dport 1-65535 dnat to $address:80\"",
            claim: "port",
            says: "that port leads somewhere, too: the rule has to say which port it is about",
        },
    ],
    right: &[
        Right { what: "nft", script: "rule prerouting -100 \"tcp dport $port dnat to $address:80\"" },
        Right {
            what: "with the interface and the address, and masquerade",
            script: "
                rule prerouting -100 \"iifname wan ip daddr 203.0.113.1 tcp dport $port dnat to $address:80\"
                host \"nft 'add chain ip t out { type nat hook postrouting priority 100; };
                    add rule ip t out oifname wan masquerade'\"",
        },
    ],
    follow: Some("host \"$hint\""),
    runs: None,
};
