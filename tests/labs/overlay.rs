//! Put the layers of a mounted overlay in order.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "overlay",
    tools: &["nsenter", "mount", "umount"],
    prelude: "
        inside() { $enter -euc \"cd /tmp; $1\"; }
        again() { inside \"umount /tmp/merged; mount -t overlay overlay -o $1 /tmp/merged\"; }
        written=upperdir=/tmp/upper,workdir=/tmp/work",
    wrong: &[
        Wrong {
            what: "the new file copied over the old one",
            script: "inside 'cp app/version merged/version'",
            claim: "version comes from a layer",
            says: "a copy in the upper layer hides both layers",
        },
        Wrong {
            what: "copied, and mounted right as well",
            script: "inside 'cp app/version merged/version'; again lowerdir=/tmp/app:/tmp/base,$written",
            claim: "version comes from a layer",
            says: "a copy in the upper layer hides both layers",
        },
        Wrong {
            what: "the old file removed",
            script: "inside 'rm merged/version'",
            claim: "version comes from a layer",
            says: "a whiteout in the upper layer hides both layers",
        },
        Wrong {
            what: "the layer edited",
            script: "inside 'umount merged; cp app/version base/version'
                inside \"mount -t overlay overlay -o lowerdir=/tmp/base:/tmp/app,$written merged\"",
            claim: "the layer base is untouched",
            says: "the layer base was edited: every container of the image would see that",
        },
        Wrong {
            what: "mounted again as it was",
            script: "again lowerdir=/tmp/base:/tmp/app,$written",
            claim: "app is in front of base",
            says: "the leftmost layer wins, and that is still base",
        },
        Wrong {
            what: "one layer left out",
            script: "again lowerdir=/tmp/app,$written",
            claim: "app is in front of base",
            says: "the layer base is missing",
        },
        Wrong {
            what: "without an upper layer",
            script: "again lowerdir=/tmp/app:/tmp/base",
            claim: "what is written lands in upper",
            says: "without an upperdir it is read-only: a container could write nothing",
        },
        Wrong {
            what: "another upper layer",
            script: "inside 'mkdir up wk'; again lowerdir=/tmp/app:/tmp/base,upperdir=/tmp/up,workdir=/tmp/wk",
            claim: "what is written lands in upper",
            says: "its upperdir is not /tmp/upper",
        },
        Wrong {
            what: "mounted read-only",
            script: "again ro,lowerdir=/tmp/app:/tmp/base,$written",
            claim: "what is written lands in upper",
            says: "it is mounted read-only",
        },
        Wrong {
            what: "a bind mount of the right layer",
            script: "inside 'umount merged; mount --bind app merged'",
            claim: "an overlay is mounted at /tmp/merged",
            says: "mount, no overlay: what is written does not land in upper",
        },
        Wrong {
            what: "taken away, and mounted in another mount namespace",
            script:
                "inside 'umount merged'
                inside \"unshare -m mount -t overlay overlay -o lowerdir=/tmp/app:/tmp/base,$written merged\"",
            claim: "an overlay is mounted at /tmp/merged",
            says: "nothing is mounted there, as the scene sees it: was it mounted in another mount namespace?",
        },
    ],
    right: &[
        Right { what: "umount and mount", script: "again lowerdir=/tmp/app:/tmp/base,$written" },
        Right {
            what: "with paths from where one stands",
            script: "again lowerdir=app:base,upperdir=upper,workdir=work",
        },
        Right {
            what: "on top of the wrong one, with files left behind",
            script: "inside 'echo hello > merged/greeting; mkdir other'
                inside \"mount -t overlay overlay -o lowerdir=/tmp/app:/tmp/base,$written merged\"",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
