//! Start a program that has names of its own, beside a machine that keeps its name.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "uts",
    tools: &["nsenter", "unshare", "hostname", "domainname", "seq", "grep"],
    prelude: "
        named=\"hostname $hostname; domainname $domain\"
        root=$([ $(id -u) = 0 ] || echo --user --map-root-user)",
    wrong: &[
        Wrong {
            what: "ended before the check",
            script: "$enter -c \"unshare --uts sh -c '$named; exec sleep 0'\"",
            claim: "`sleep $seconds` is running",
            says: "start it, and leave it running in another terminal",
        },
        Wrong {
            what: "no new namespace",
            script: "$enter -c \"$named; exec sleep $seconds\" &",
            claim: "its UTS namespace is its own",
            says: "it is the machine's: whatever it is called, all the others there are called, too",
        },
        Wrong {
            what: "nothing at all but the program",
            script: "sleep $seconds &",
            claim: "its UTS namespace is its own",
            says: "it is that of your host",
        },
        Wrong {
            what: "the name set before the new namespace",
            script: "$enter -c \"$named; exec unshare --uts sleep $seconds\" &",
            claim: "the machine is called $machine",
            says: "the machine was renamed: the name was set before there was a new namespace",
        },
        Wrong {
            what: "no names",
            script: "$enter -c \"exec unshare --uts sleep $seconds\" &",
            claim: "its host name is $hostname",
            says: "that is the machine's name: a new namespace begins with a copy",
        },
        Wrong {
            what: "the domain as a part of the host name",
            script: "$enter -c \"unshare --uts sh -c 'hostname $hostname.$domain; exec sleep $seconds'\" &",
            claim: "its host name is $hostname",
            says: "the NIS domain is no part of the host name",
        },
        Wrong {
            what: "no domain",
            script: "$enter -c \"unshare --uts sh -c 'hostname $hostname; exec sleep $seconds'\" &",
            claim: "its NIS domain is $domain",
            says: "nobody has set it: it is a second name, with a system call of its own",
        },
        Wrong {
            what: "both names in each other's place",
            script: "$enter -c \"unshare --uts sh -c 'hostname $domain; domainname $hostname
                exec sleep $seconds'\" &",
            claim: "its NIS domain is $domain",
            says: "that is what its host should be called",
        },
    ],
    right: &[
        Right {
            what: "unshare in the machine",
            script: "$enter -c \"unshare --uts sh -c '$named; exec sleep $seconds'\" &",
        },
        Right {
            what: "without the machine, from one's own terminal",
            script: "unshare $root --uts sh -c \"$named; exec sleep $seconds\" &",
        },
        Right {
            what: "a shell that stays, with an earlier try still running",
            script: "$enter -c 'unshare --uts sleep 100000' &
                $enter -c \"unshare --uts sh -c '$named; sleep $seconds; true'\" &",
        },
    ],
    // It is in the background, and not there at once.
    follow: Some(
        "eval \"$hint\"
        for try in $(seq 600); do grep -qsz \"^$seconds\\$\" /proc/[0-9]*/cmdline && break; sleep 0.1; done",
    ),
    runs: Some("sleep $seconds"),
};
