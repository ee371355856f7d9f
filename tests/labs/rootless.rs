//! Make a container as an ordinary user, and leave it running.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "rootless",
    tools: &["unshare", "setpriv", "hostname"],
    prelude: "
        user() {
            if [ $(id -u) = 0 ]; then setpriv --reuid=$uid --regid=$uid --clear-groups \"$@\"; else \"$@\"; fi
        }
        as_root() { [ $(id -u) = 0 ] || { echo 'this takes root' >&2; exit 77; }; }
        own='--pid --fork --mount-proc --uts --ipc --net'
        named=\"hostname $hostname\"",
    wrong: &[
        Wrong {
            what: "by root, without a user namespace",
            script: "as_root; unshare $own sh -c \"$named; exec sleep $seconds\" &",
            claim: "outside, its number is $uid",
            says: "outside it is root",
        },
        Wrong {
            what: "by root, in a user namespace of root's",
            script: "as_root; unshare --user --map-root-user $own sh -c \"$named; exec sleep $seconds\" &",
            claim: "outside, its number is $uid",
            says: "outside it is root",
        },
        Wrong {
            what: "by root, who then becomes an ordinary user",
            script: "as_root; unshare $own sh -c \"hostname $hostname
                exec setpriv --reuid=$uid --regid=$uid --clear-groups unshare --user --map-root-user sleep $seconds\" &",
            claim: "all belong to its user namespace",
            says: "made before its user namespace, with the power of another one",
        },
        Wrong {
            what: "a user namespace alone",
            script: "user unshare --user --map-root-user sleep $seconds &",
            claim: "so are the other five",
            says: "it shares pid, mnt, uts, ipc, net with you",
        },
        Wrong {
            what: "the host's network",
            script: "user unshare --user --map-root-user --pid --fork --mount-proc --uts --ipc sh -c \"$named; exec sleep $seconds\" &",
            claim: "so are the other five",
            says: "it shares net with you",
        },
        Wrong {
            what: "no map",
            script: "user unshare --user sleep $seconds &",
            claim: "inside, it is root",
            says: "its user namespace has no map",
        },
        Wrong {
            what: "no host name",
            script: "user unshare --user --map-root-user $own sleep $seconds &",
            claim: "its host name is $hostname",
            says: "the host name of its UTS namespace is another one",
        },
    ],
    right: &[
        Right {
            what: "unshare, once",
            script: "user unshare --user --map-root-user $own sh -c \"$named; exec sleep $seconds\" &",
        },
        Right {
            what: "unshare, twice: the second one as root of the first",
            script: "user unshare --user --map-root-user unshare $own sh -c \"$named; exec sleep $seconds\" &",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: Some("sleep $seconds"),
};
