//! Exchange the root of a mount namespace, and leave nothing of the host in it.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "pivot-root",
    tools: &["unshare", "mount", "umount", "pivot_root", "chroot", "grep", "cp"],
    prelude: r#"
        own() { $unshare --mount --pid --fork sh -euc "$1"; }
        bound="mount --bind $root $root; cd $root; mkdir -p old"
        proc='mount -t proc proc /proc'"#,
    wrong: &[
        Wrong {
            what: "ended before the check",
            script: "own \"$bound; pivot_root . old; cd /; $proc; umount -l /old; exec sleep 0\"",
            claim: "`sleep $seconds` is running",
            says: "start it, and leave it running in another terminal",
        },
        Wrong {
            what: "no mount namespace",
            script: "sleep $seconds &",
            claim: "its mount namespace is its own",
            says: "it is in the host's mount namespace: there is nothing to exchange",
        },
        Wrong {
            what: "no root of its own",
            script: "own \"exec sleep $seconds\" &",
            claim: "its root is the image",
            says: "its root directory is another one",
        },
        Wrong {
            what: "chroot",
            script: "own \"exec chroot $root sleep $seconds\" &",
            claim: "its mount table holds nothing of the host",
            says: "chroot has changed the root of the process alone",
        },
        Wrong {
            what: "chroot into a mount",
            script: "own \"$bound; exec chroot . sleep $seconds\" &",
            claim: "its mount table holds nothing of the host",
            says: "chroot has changed the root of the process alone",
        },
        Wrong {
            what: "the old root left where it is",
            script: "own \"$bound; pivot_root . old; cd /; exec sleep $seconds\" &",
            claim: "its mount table holds nothing of the host",
            says: "the host's files are still mounted, at /old",
        },
        Wrong {
            what: "the old root covered",
            script: "own \"$bound; pivot_root . old; cd /; $proc; mount -t tmpfs tmpfs /old; exec sleep $seconds\" &",
            claim: "its mount table holds nothing of the host",
            says: "something was mounted over /old: what is below is hidden, and still mounted",
        },
        Wrong {
            what: "both at the same place, and no umount",
            script: "own \"$bound; pivot_root . .; cd /; exec sleep $seconds\" &",
            claim: "its mount table holds nothing of the host",
            says: "the host's files are still mounted, at /",
        },
    ],
    right: &[
        Right {
            what: "pivot_root and umount",
            script: "own \"$bound; pivot_root . old; cd /; $proc; umount -l /old; exec sleep $seconds\" &",
        },
        Right {
            what: "both at the same place",
            script: "own \"$bound; pivot_root . .; $proc; umount -l .; cd /; exec sleep $seconds\" &",
        },
        Right {
            what: "a copy of the image in memory",
            script: "own \"mount -t tmpfs tmpfs $root/tmp; mkdir $root/tmp/old; cp -a $root/bin $root/etc $root/lib* $root/tmp/
                mkdir $root/tmp/proc; cd $root/tmp; pivot_root . old; cd /; $proc; umount -l /old; exec sleep $seconds\" &",
        },
    ],
    follow: Some("eval \"$hint\"\nuntil grep -qszx $seconds /proc/[0-9]*/cmdline; do sleep 0.1; done"),
    runs: Some("sleep $seconds"),
};
