//! Make the container's copy of a shared mount listen, and say nothing.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "mount",
    tools: &["nsenter", "unshare", "mount", "umount", "grep", "sed", "seq"],
    prelude: "
        inside() { $enter -euc \"$1\"; }
        pid=$(process $host)
        outside() { $(echo \"$enter\" | sed \"s/-t [0-9]*/-t $pid/\") -euc \"$1\"; }",
    wrong: &[
        Wrong {
            what: "private",
            script: "inside 'mount --make-private /tmp/media'",
            claim: "the host's mounts get in",
            says: "it is private: what the host mounts from now on does not get in",
        },
        Wrong {
            what: "private first, then a slave of nobody",
            script: "inside 'mount --make-rprivate /tmp/media; mount --make-slave /tmp/media'",
            claim: "the host's mounts get in",
            says: "it is private: what the host mounts from now on does not get in",
        },
        Wrong {
            what: "private, then shared with nobody",
            script: "inside 'mount --make-private /tmp/media; mount --make-shared /tmp/media'",
            claim: "the host's mounts get in",
            says: "it is in another peer group than the host",
        },
        Wrong {
            what: "unbindable",
            script: "inside 'mount --make-unbindable /tmp/media'",
            claim: "the host's mounts get in",
            says: "unbindable is private and more: no mount of the host gets in",
        },
        Wrong {
            what: "the host made a slave",
            script: "outside 'mount --make-slave /tmp/media'",
            claim: "the container's mounts stay inside",
            says: "it is the host that listens to the container: the wrong side was made a slave",
        },
        Wrong {
            what: "the host made private",
            script: "outside 'mount --make-private /tmp/media'",
            claim: "the host's mounts get in",
            says: "the host's side is shared no more: it tells nobody what it mounts",
        },
        Wrong {
            what: "in a mount namespace of one's own",
            script: "inside 'unshare --mount --propagation unchanged mount --make-slave /tmp/media'",
            claim: "the container's mounts stay inside",
            says: "both are in one peer group: what one mounts, the other has, too",
        },
        Wrong {
            what: "the cache unmounted",
            script: "inside \"umount /tmp/media/$cache\"",
            claim: "the container has the cache",
            says: "it was unmounted: nothing has to be unmounted here",
        },
        Wrong {
            what: "the host ended",
            script: "end $pid",
            claim: "the host is running",
            says: "it was ended: `glassbox lab reset mount`, then start again",
        },
    ],
    right: &[
        Right { what: "a slave", script: "inside 'mount --make-slave /tmp/media'" },
        Right { what: "with all that is below", script: "inside 'mount --make-rslave /tmp/media'" },
        Right {
            what: "a slave of the host that is shared further down",
            script: "inside 'mount --make-slave /tmp/media; mount --make-shared /tmp/media'",
        },
        Right {
            what: "with another mount inside, and a file left behind",
            script:
                "inside 'mount --make-slave /tmp/media; mkdir /tmp/media/more; echo hello > /tmp/media/hello
                mount -t tmpfs tmpfs /tmp/media/more'",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
