//! Find what four containers take on the disk.

use crate::{Attempts, Right, Wrong};

const CLAIM: &str = "what the containers take";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "one-image",
    tools: &["nsenter", "du", "find", "awk"],
    prelude: "inside() { $enter -euc \"cd /tmp; $1\"; }
        sum() { awk '{ sum += $1 } END { print sum }'; }",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: CLAIM,
            says: "an answer is a number of KiB: glassbox lab check one-image NUMBER",
        },
        Wrong {
            what: "what is seen in the roots",
            script: "for name in one two three four; do inside \"du -sk $name/root\"; done | sum",
            claim: CLAIM,
            says: "what a container sees in its root is for the most part the image's",
        },
        Wrong {
            what: "with the image",
            script: "inside 'du -sk image */upper' | sum",
            claim: CLAIM,
            says: "the image is counted as well",
        },
        Wrong {
            what: "how long the files are",
            script: "inside 'du -sk --apparent-size */upper/disk */upper/data */upper/bin/app' | sum",
            claim: CLAIM,
            says: "a hole has a length, and takes no space: three has a file that is one",
        },
        Wrong {
            what: "without the file that was appended to",
            script: "inside 'du -sk one/upper'  | sum",
            claim: CLAIM,
            says: "one byte was appended in two, and that file is in its upper directory as a whole",
        },
        Wrong {
            what: "in bytes",
            script: "inside 'du -sB1 */upper' | sum",
            claim: CLAIM,
            says: "that is in bytes",
        },
    ],
    right: &[
        Right { what: "the sum of what du says", script: "inside 'du -sk */upper' | sum" },
        Right {
            what: "the blocks of every file",
            script: "inside 'find */upper -type f -printf \"%b\\n\"' | awk '{ sum += $1 } END { print sum / 2 }'",
        },
    ],
    follow: None,
    runs: None,
};
