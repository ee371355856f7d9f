//! Make an image of what a running container has changed.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "commit",
    tools: &["nsenter", "mount", "umount", "cp", "tar"],
    prelude: "
        inside() { $enter -euc \"cd /tmp; $1\"; }
        image() { inside \"$1; mount -t overlay overlay -o lowerdir=$2 image\"; }",
    wrong: &[
        Wrong {
            what: "the upper directory itself",
            script: "image true /tmp/upper:/tmp/base",
            claim: "its layers are nobody's upper directory",
            says: "the container still writes to /tmp/upper: what it writes next would be in the image",
        },
        Wrong {
            what: "a copy of all that is seen",
            script: "image 'cp -a root layer' /tmp/layer:/tmp/base",
            claim: "the new layer has only what was changed",
            says: "it is a copy of everything that the container sees, and would be stored beside the base",
        },
        Wrong {
            what: "the deletion forgotten",
            script: "image 'mkdir -p layer/etc; for f in upper/etc/*; do if [ -f \\$f ]; then cp \\$f layer/etc; fi; done' \\
                /tmp/layer:/tmp/base",
            claim: "the image does not have $deleted",
            says: "the whiteout of $deleted is not in the layer, and the file of the base is there again",
        },
        Wrong {
            what: "the layers the other way round",
            script: "image 'cp -a upper layer' /tmp/base:/tmp/layer",
            claim: "its lowest layer is the base",
            says: "the base is not the lowest layer: the leftmost directory in lowerdir is the topmost",
        },
        Wrong {
            what: "with an upper directory",
            script: "inside 'cp -a upper layer; mkdir up wk
                mount -t overlay overlay -o lowerdir=/tmp/layer:/tmp/base,upperdir=/tmp/up,workdir=/tmp/wk image'",
            claim: "it is to be read only",
            says: "with an upperdir it is one more container, and no image",
        },
        Wrong {
            what: "no overlay",
            script: "inside 'cp -a root/. image'",
            claim: "an overlay is mounted at /tmp/image",
            says: "an image is layers that are mounted above each other: an overlay, with lowerdir alone",
        },
        Wrong {
            what: "the changes merged into the base",
            script: "image 'mkdir layer; cp upper/etc/release base/etc/release; cp -a upper/. layer' \\
                /tmp/layer:/tmp/base",
            claim: "the base is untouched",
            says: "the base was changed: all other images that have it are changed with it",
        },
    ],
    right: &[
        Right { what: "cp -a", script: "image 'cp -a upper layer' /tmp/layer:/tmp/base" },
        Right {
            what: "with tar, and the container writes on",
            script: "image 'mkdir layers layers/1; tar -C upper -cf - . | tar -C layers/1 -xf -' layers/1:base
                inside 'echo more > root/etc/more'",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
