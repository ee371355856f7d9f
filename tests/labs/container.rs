//! Build a container by hand, and leave it running.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "container",
    tools: &["unshare", "chroot", "mount", "hostname"],
    prelude: "
        own='--pid --fork --mount --uts --ipc --net'
        proc='mount -t proc proc /proc'
        named=\"hostname $hostname\"",
    wrong: &[
        Wrong {
            what: "ended before the check",
            script: "$unshare $own chroot $root sh -c \"$proc; $named; exec sleep 0\"",
            claim: "`sleep $seconds` is running",
            says: "start it, and leave it running in another terminal",
        },
        Wrong {
            what: "no namespaces",
            script: "sleep $seconds &",
            claim: "its namespaces are its own",
            says: "it shares pid, mnt, uts, ipc, net with the host",
        },
        Wrong {
            what: "a network that is shared with the host",
            script: "$unshare --pid --fork --mount --uts --ipc chroot $root \\
                sh -c \"$proc; $named; exec sleep $seconds\" &",
            claim: "its namespaces are its own",
            says: "it shares net with the host",
        },
        Wrong {
            what: "no host name",
            script: "$unshare $own chroot $root sh -c \"$proc; exec sleep $seconds\" &",
            claim: "its host name is $hostname",
            says: "the host name of its UTS namespace is another one",
        },
        Wrong {
            what: "the host's root",
            script: "$unshare $own --mount-proc sh -c \"$named; exec sleep $seconds\" &",
            claim: "its root is the image",
            says: "its root directory is another one",
        },
        Wrong {
            what: "no /proc",
            script: "$unshare $own sh -c \"$named; exec chroot $root sleep $seconds\" &",
            claim: "its /proc shows its own processes",
            says: "it has no /proc",
        },
        Wrong {
            what: "the host's /proc",
            script: "$unshare $own sh -c \"mount --rbind /proc $root/proc; $named
                exec chroot $root sleep $seconds\" &",
            claim: "its /proc shows its own processes",
            says: "its /proc belongs to another PID namespace",
        },
    ],
    right: &[
        Right {
            what: "unshare and chroot",
            script: "$unshare $own chroot $root sh -c \"$proc; $named; exec sleep $seconds\" &",
        },
        Right {
            what: "unshare alone, as the hints have it",
            script: "$unshare $own --root=$root sh -c \"$proc; $named; exec sleep $seconds\" &",
        },
        Right {
            what: "the host name by its file",
            script: "[ -w /proc/sys/kernel/hostname ] || { echo 'only root writes that file' >&2; exit 77; }
                $unshare $own chroot $root \\
                sh -c \"$proc; echo $hostname > /proc/sys/kernel/hostname; exec sleep $seconds\" &",
        },
        Right {
            what: "a shell that stays number 1, /proc mounted from outside of the root",
            script: "$unshare $own sh -c \"mount -t proc proc $root/proc
                chroot $root sh -c '$named; sleep $seconds; true'\" &",
        },
        Right {
            what: "with files left in the root, and an earlier try still running",
            script: "echo hello > $root/tmp/hello
                $unshare --pid --fork chroot $root sleep 100000 &
                $unshare $own chroot $root sh -c \"$proc; $named; exec sleep $seconds\" &",
        },
    ],
    follow: None,
    runs: Some("sleep $seconds"),
};
