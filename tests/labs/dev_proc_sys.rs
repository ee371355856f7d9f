//! Cover one path that was forgotten, and protect another.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "dev-proc-sys",
    tools: &["nsenter", "unshare", "mount", "umount", "grep", "ls"],
    prelude: r#"
        inside() { $enter -euc "$1"; }
        # The first of these that is no mount.
        forgotten() { inside "for p in $1; do grep -q \" \$p \" /proc/self/mountinfo || { echo \$p; break; }; done"; }
        open=$(forgotten '/proc/interrupts /proc/timer_list /sys/firmware')
        writable=$(forgotten '/proc/sys /proc/irq /proc/fs')
        case $open in
            /sys*) cover="mount -t tmpfs -o ro tmpfs $open";;
            *) cover="mount --bind /dev/null $open";;
        esac
        protect="mount --rbind $writable $writable; mount -o remount,bind,ro $writable""#,
    wrong: &[
        Wrong {
            what: "covered, and not protected",
            script: "inside \"$cover\"",
            claim: "what is to be protected is read-only",
            says: "can be written",
        },
        Wrong {
            what: "protected, and not covered",
            script: "inside \"$protect\"",
            claim: "what is to be covered tells nothing",
            says: "is not covered, as the container sees it",
        },
        Wrong {
            what: "bound, and not read-only",
            script: "inside \"$cover; mount --rbind $writable $writable\"",
            claim: "what is to be protected is read-only",
            says: "is a mount of its own now, and can still be written",
        },
        Wrong {
            what: "all of /proc read-only",
            script: "inside \"$cover; mount -o remount,bind,ro /proc\"",
            claim: "the rest of /proc is as it was",
            says: "all of /proc is read-only now",
        },
        Wrong {
            what: "covered, what should be protected",
            script: "[ -n \"$(ls $writable)\" ] || { echo 'this kernel has nothing in there' >&2; exit 77; }
                inside \"$cover; mount -t tmpfs -o ro tmpfs $writable\"",
            claim: "and can be read",
            says: "was covered: programs in a container want to read it",
        },
        Wrong {
            what: "in a mount namespace of one's own",
            script: "inside \"unshare -m sh -c '$cover; $protect'\"",
            claim: "what is to be covered tells nothing",
            says: "is not covered, as the container sees it",
        },
    ],
    right: &[
        Right { what: "as the hints have it", script: "inside \"$cover; $protect\"" },
        Right {
            what: "with more flags, and another file system as the cover",
            script: "
                case $open in
                    /sys*) inside \"mkdir /tmp/empty; mount --bind /tmp/empty $open\";;
                    *) inside \"touch /tmp/empty; mount --bind /tmp/empty $open\";;
                esac
                inside \"mount --rbind $writable $writable; mount -o remount,bind,ro,nosuid,nodev,noexec $writable\"",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
