//! Give a process other numbers inside than it has outside.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "user",
    tools: &["unshare", "id", "seq", "tr"],
    // The namespace is there a moment after the process is: a map that is written earlier is the wrong one.
    prelude: "
        start() {
            unshare --user sleep $seconds & it=$!
            for try in $(seq 600); do
                [ \"$(cat /proc/$it/cmdline 2>/dev/null | tr '\\0' ' ')\" != \"sleep $seconds \" ] || return 0
                sleep 0.1
            done
        }
        map() { echo \"$2 $3 1\" > /proc/$it/$1; }",
    wrong: &[
        Wrong {
            what: "the flag forgotten",
            script: "sleep $seconds &",
            claim: "its user namespace is its own",
            says: "it is in the same user namespace as you",
        },
        Wrong {
            what: "no map",
            script: "start",
            claim: "inside, its user is $uid",
            says: "uid_map is empty: without a map it is nobody inside",
        },
        Wrong {
            what: "the map from inside, by a shell: who is nobody loses all capabilities with execve",
            script: "
                u=$(id -u)
                unshare --user sh -c \"echo $uid $u 1 > /proc/self/uid_map; exec sleep $seconds\" 2>/dev/null &",
            claim: "inside, its user is $uid",
            says: "uid_map is empty: without a map it is nobody inside",
        },
        Wrong {
            what: "root inside",
            script: "unshare --user --map-root-user sleep $seconds &",
            claim: "inside, its user is $uid",
            says: "it is root inside",
        },
        Wrong {
            what: "the map the wrong way round",
            script: "
                [ $(id -u) = 0 ] || { echo 'only root may map the number of somebody else' >&2; exit 77; }
                start; map uid_map $(id -u) $uid",
            claim: "inside, its user is $uid",
            says: "the map is the wrong way round: the number inside comes first",
        },
        Wrong {
            what: "no group",
            script: "start; map uid_map $uid $(id -u)",
            claim: "inside, its group is $gid",
            says: "gid_map is empty: without a map it is nobody inside",
        },
        Wrong {
            what: "the number of the user for the group as well",
            script: "
                start; map uid_map $uid $(id -u)
                echo deny > /proc/$it/setgroups; map gid_map $uid $(id -g)",
            claim: "inside, its group is $gid",
            says: "$uid is another number than $gid",
        },
    ],
    right: &[
        Right {
            what: "unshare, and echo from outside",
            script: "
                start; map uid_map $uid $(id -u)
                echo deny > /proc/$it/setgroups; map gid_map $gid $(id -g)",
        },
        Right {
            what: "unshare alone",
            script: "
                unshare --help | grep -q map-user || { echo 'this unshare has no --map-user' >&2; exit 77; }
                unshare --user --map-user=$uid --map-group=$gid sleep $seconds &",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: Some("sleep $seconds"),
};
