//! Find the service that has not promised, and start it anew.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "no-new-privs",
    tools: &["setpriv", "unshare", "grep", "tr"],
    prelude: "
        pid_of() {
            for process in /proc/[0-9]*; do
                line=$(tr '\\0' ' ' 2>/dev/null < $process/cmdline) || true
                if [ \"$line\" = \"sleep $1 \" ]; then echo ${process#/proc/}; fi
            done
        }
        as_root() {
            if [ $(id -u) = 0 ]; then \"$@\"; else unshare --user --map-root-user \"$@\"; fi
        }
        alone() { for pid in $(pid_of $1); do end $pid; done; }",
    wrong: &[
        Wrong {
            what: "started anew, as it was",
            script: "alone $seconds; sleep $seconds &",
            claim: "`sleep $seconds` has promised",
            says: "it has not promised: no call does that for another process",
        },
        Wrong {
            what: "a second one beside it",
            script: "setpriv --no-new-privs sleep $seconds &",
            claim: "`sleep $seconds` has promised",
            says: "one has promised, and one that has not is running beside it",
        },
        Wrong {
            what: "another wall: capabilities",
            script: "alone $seconds; as_root setpriv --bounding-set=-all sleep $seconds &",
            claim: "`sleep $seconds` has promised",
            says: "it has not promised",
        },
        Wrong {
            what: "both walls",
            script: "alone $seconds; as_root setpriv --no-new-privs --bounding-set=-all sleep $seconds &",
            claim: "nothing else was taken from it",
            says: "its bounding set is smaller than yours",
        },
        Wrong {
            what: "ended, and nothing in its place",
            script: "alone $seconds",
            claim: "`sleep $seconds` is running",
            says: "start it, and leave it running",
        },
        Wrong {
            what: "all three started anew",
            script: "for seconds in $one $two $three; do
                alone $seconds; setpriv --no-new-privs sleep $seconds & done",
            claim: "`sleep",
            says: "this one had promised, and has been ended",
        },
    ],
    right: &[
        Right {
            what: "found by its status, and started anew by setpriv",
            script: "for seconds in $one $two $three; do
                if grep -q 'NoNewPrivs:.0' /proc/$(pid_of $seconds)/status; then
                    alone $seconds; setpriv --no-new-privs sleep $seconds &
                fi; done",
        },
        Right {
            what: "a shell that has promised passes it on",
            script: "alone $seconds; setpriv --no-new-privs sh -c \"sleep $seconds; true\" &",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: Some("sleep $seconds"),
};
