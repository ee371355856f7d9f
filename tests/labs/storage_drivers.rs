//! Repair a container whose files are hard links to those of its image.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "storage-drivers",
    tools: &["nsenter", "cp", "mount"],
    prelude: "inside() { $enter -euc \"cd /tmp; $1\"; }",
    wrong: &[
        Wrong {
            what: "files that cannot be written to",
            script: "inside \"chmod a-w $container/*/*\"",
            claim: "its etc/app.conf is a file of its own",
            says: "it is the same file as in the image, under another name",
        },
        Wrong {
            what: "one file of three",
            script: "inside \"cp $container/etc/app.conf new; mv new $container/etc/app.conf\"",
            claim: "its data/db is a file of its own",
            says: "it is the same file as in the image, under another name",
        },
        Wrong {
            what: "a copy that keeps the links",
            script: "inside \"rm -r $container; cp -al image $container\"",
            claim: "its bin/tool is a file of its own",
            says: "it is the same file as in the image, under another name",
        },
        Wrong {
            what: "symbolic links instead",
            script: "inside \"for f in bin/tool data/db etc/app.conf; do ln -sf /tmp/image/\\$f $container/\\$f; done\"",
            claim: "its bin/tool is a file of its own",
            says: "it is a link to the image: what is written there is written to the image",
        },
        Wrong {
            what: "the image mounted there",
            script: "inside \"mount --bind image $container\"",
            claim: "its bin/tool is a file of its own",
            says: "it is the same file as in the image, under another name",
        },
        Wrong {
            what: "the files of the image moved there",
            script: "inside \"rm -r $container; mv image $container; mkdir image\"",
            claim: "the image is as it was",
            says: "the image was changed: a write to the container came through, or it was moved away",
        },
        Wrong {
            what: "nothing left in the container",
            script: "inside \"rm $container/*/*\"",
            claim: "the container shows data/db",
            says: "a container has all files of its image, as the image has them",
        },
    ],
    right: &[
        Right { what: "copies: vfs", script: "inside \"rm -r $container; cp -r image $container\"" },
        Right {
            what: "an overlay over the directory",
            script: "inside \"mkdir upper work; mount -t overlay overlay \\
                -o lowerdir=/tmp/image,upperdir=/tmp/upper,workdir=/tmp/work $container\"",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
