//! Take two capabilities from a root, for good.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "capabilities",
    tools: &["setpriv", "unshare", "id"],
    prelude: "
        start() {
            if [ $(id -u) = 0 ]; then setpriv \"$@\" &
            else unshare --user --map-root-user setpriv \"$@\" & fi
        }",
    wrong: &[
        Wrong {
            what: "another wall: no_new_privs takes no capability from root",
            script: "start --no-new-privs sleep $seconds",
            claim: "its bounding set has neither of them",
            says: "its bounding set still has both",
        },
        Wrong {
            what: "one of two",
            script: "start --bounding-set=-$one sleep $seconds",
            claim: "its bounding set has neither of them",
            says: "its bounding set still has",
        },
        Wrong {
            what: "everything",
            script: "start --bounding-set=-all sleep $seconds",
            claim: "it has all others",
            says: "more was taken than the two",
        },
    ],
    right: &[Right { what: "setpriv", script: "start --bounding-set=-$one,-$two sleep $seconds" }],
    follow: Some("eval \"$hint\""),
    runs: Some("sleep $seconds"),
};
