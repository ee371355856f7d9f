//! Take away what was mounted over the kernel's answers, and nothing else.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "vm",
    tools: &["nsenter", "unshare", "mount", "umount", "grep", "sed", "cut", "sort"],
    prelude: "
        inside() { $enter -euc \"$1\"; }
        pid=$(grep -lx \"$name\" /proc/[0-9]*/comm 2>/dev/null | sed 's,/proc/,,;s,/comm$,,')
        mounts() { cut -d ' ' -f 5 /proc/$pid/mountinfo | grep -E \"^/proc/($1)$\" | sort -u; }
        answers='sys/kernel/random/boot_id|uptime|meminfo|version'",
    wrong: &[
        Wrong {
            what: "one of two",
            script: "set -- $(mounts \"$answers\"); inside \"umount $2\"",
            claim: "the kernel answers in ",
            says: "a file is mounted over it: what it says does not come from the kernel",
        },
        Wrong {
            what: "everything that is mounted there",
            script: "for path in $(mounts \"$answers|interrupts\"); do inside \"umount $path\"; done",
            claim: "/proc/interrupts is covered",
            says: "it was uncovered, too: not every mount in /proc is a lie",
        },
        Wrong {
            what: "in a mount namespace of one's own",
            script: "for path in $(mounts \"$answers\"); do inside \"unshare --mount umount $path\"; done",
            claim: "the kernel answers in ",
            says: "a file is mounted over it: what it says does not come from the kernel",
        },
        Wrong {
            what: "the host's answers, copied into the files",
            script: "for path in $(mounts \"$answers\"); do cat $path | inside \"cat > $path\"; done",
            claim: "the kernel answers in ",
            says: "a file is mounted over it: what it says does not come from the kernel",
        },
        Wrong {
            what: "all of /proc hidden",
            script: "inside 'mount -t tmpfs tmpfs /proc'",
            claim: "the kernel answers in ",
            says: "there is nothing any more: /proc itself was unmounted, or something lies over it",
        },
    ],
    right: &[
        Right {
            what: "each one unmounted",
            script: "for path in $(mounts \"$answers\"); do inside \"umount $path\"; done",
        },
        Right {
            what: "lazily, with another mount that harms nobody",
            script: "
                for path in $(mounts \"$answers\"); do inside \"umount -l $path\"; done
                inside 'mkdir /tmp/more; mount -t tmpfs tmpfs /tmp/more'",
        },
        Right {
            what: "everything unmounted, and what has to be covered covered again",
            script: "
                for path in $(mounts \"$answers|interrupts\"); do inside \"umount $path\"; done
                inside 'mount --bind /dev/null /proc/interrupts'",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
