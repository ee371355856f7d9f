//! Say which of four processes cannot get out of its jail.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "chroot",
    tools: &["grep", "sed", "readlink", "seq"],
    prelude: r#"
        pid() { grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/,,;s,/comm$,,'; }
        all="$ant $bee $cat $dog"
        # Each of these says whether a process has that way out.
        stands() { [ "$(readlink /proc/$1/cwd)" != "$(readlink /proc/$1/root)" ]; }
        holds() { readlink /proc/$1/fd/* | grep -qx /tmp/jails; }
        may() { grep -q 'CapPrm:.*[1-9a-f]' /proc/$1/status; }
        first() { for name in $all; do if "$1" $(pid $name); then echo $name; fi; done; }
        "#,
    wrong: &[
        Wrong {
            what: "the one that stands outside",
            script: "first stands",
            claim: "which process has no way out",
            says: "its working directory is outside of its root",
        },
        Wrong {
            what: "the one with a descriptor",
            script: "first holds",
            claim: "which process has no way out",
            says: "it has a directory open that is outside of its root",
        },
        Wrong {
            what: "the one that may call chroot",
            script: "first may",
            claim: "which process has no way out",
            says: "it has CAP_SYS_CHROOT: a second chroot brings it out",
        },
        Wrong {
            what: "a number",
            script: "pid $ant",
            claim: "which process has no way out",
            says: "an answer is one of the four names",
        },
        Wrong {
            what: "one was ended",
            script: "
                pid=$(pid $bee)
                kill -KILL $pid
                for try in $(seq 600); do grep -q 'State:.[RSD]' /proc/$pid/status || break; sleep 0.1; done",
            claim: "the four processes are running",
            says: "one was ended: `glassbox lab reset chroot`, then start again",
        },
    ],
    right: &[
        Right {
            what: "the one with no fault",
            script: "safe() { ! stands $1 && ! holds $1 && ! may $1; }; first safe",
        },
        Right {
            what: "by what is behind the links",
            script: r#"
                safe() {
                    [ /proc/$1/cwd/. -ef /proc/$1/root/. ] || return 1
                    for fd in /proc/$1/fd/*; do [ $fd -ef /proc/$1/root/.. ] && return 1; done
                    case $(sed -n 's/CapEff:.//p' /proc/$1/status) in *[1-9a-f]*) return 1;; esac
                    ! readlink /proc/$1/fd/* | grep -qx /tmp/jails
                }
                first safe"#,
        },
    ],
    follow: None,
    runs: None,
};
