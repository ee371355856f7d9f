//! Find the blob that was damaged.

use crate::{Attempts, Right, Wrong};

const CLAIM: &str = "the blob that is damaged";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "ship",
    tools: &["sha256sum", "sed", "sort", "head", "cut"],
    prelude: "
        cd $image/blobs/sha256",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: CLAIM,
            says: "an answer is the name of a blob: glassbox lab check ship NAME",
        },
        Wrong {
            what: "what it has now",
            script: "for name in *; do
                sum=$(sha256sum < $name | cut -d' ' -f1); [ $sum = $name ] || echo $sum; done",
            claim: CLAIM,
            says: "that is what the damaged blob has now; its name is what it should have",
        },
        Wrong {
            what: "the manifest that names it",
            script: "sed -n 's/.*sha256:\\([0-9a-f]*\\).*/\\1/p' $image/index.json",
            claim: CLAIM,
            says: "that blob is what its name says",
        },
        Wrong { what: "a guess", script: "echo 123456789abc", claim: CLAIM, says: "no blob has this name" },
        Wrong {
            what: "four digits",
            script: "for name in *; do
                sum=$(sha256sum < $name | cut -d' ' -f1); [ $sum = $name ] || echo $name | cut -c1-4; done",
            claim: CLAIM,
            says: "that is too short to be the beginning of a name: write twelve digits",
        },
    ],
    right: &[
        Right {
            what: "sha256sum of each",
            script: "for name in *; do
                sum=$(sha256sum < $name | cut -d' ' -f1); [ $sum = $name ] || echo $name; done",
        },
        Right {
            what: "sha256sum -c, and twelve digits",
            script: "for name in *; do echo \"$name  $name\"; done | sha256sum -c 2>/dev/null |
                sed -n 's/: FAILED//p' | cut -c1-12",
        },
    ],
    follow: None,
    runs: None,
};
