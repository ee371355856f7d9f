//! Remove the copies of an upper directory that are what the layer has.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "copy-up",
    tools: &["nsenter", "mount", "umount", "cmp", "find"],
    prelude: "
        options=lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work
        inside() { $enter -euc \"cd /tmp; $1\"; }
        below() { inside \"umount merged; cd upper; $1; cd ..; mount -t overlay overlay -o $options merged\"; }
        needless='for f in *; do if cmp -s $f ../lower/$f; then rm $f; fi; done'",
    wrong: &[
        Wrong {
            what: "everything removed from upper",
            script: "below 'rm -rf *'",
            claim: "$changed has its change",
            says: "the copy of $changed was removed, and with it what was written: the line $number",
        },
        Wrong {
            what: "everything removed, and the marks with it",
            script: "below 'rm -rf *'",
            claim: "$deleted is deleted, as before",
            says: "the whiteout of $deleted was removed, and the layer shines through",
        },
        Wrong {
            what: "removed where the files are seen",
            script: "inside 'cd merged; for f in *; do if cmp -s $f ../lower/$f; then rm $f; fi; done'",
            claim: "upper has no copy of $touched",
            says: "a whiteout: `rm` in merged deletes the file, it does not take the copy away",
        },
        Wrong {
            what: "the changed copy moved into the layer",
            script: "below 'for f in *; do if [ -f $f ]; then mv $f ../lower/$f; fi; done'",
            claim: "the layer is untouched",
            says: "the layer was changed: every container of the image would see that",
        },
        Wrong {
            what: "one of two",
            script: "below 'set -- *; for f; do if cmp -s $f ../lower/$f; then rm $f; break; fi; done'",
            claim: "upper has no copy of",
            says: "that copy is what the layer has, to the byte",
        },
        Wrong {
            what: "not mounted again",
            script: "inside \"umount merged; cd upper; $needless\"",
            claim: "the overlay of lower and upper is mounted",
            says: "nothing is mounted there: the container has no files",
        },
        Wrong {
            what: "mounted again without an upper directory",
            script: "inside \"umount merged; cd upper; $needless; cd ..
                mkdir none; mount -t overlay overlay -o lowerdir=/tmp/lower:/tmp/none merged\"",
            claim: "the overlay of lower and upper is mounted",
            says: "without an upper directory the changes are not seen, and nothing can be written",
        },
    ],
    right: &[
        Right { what: "what cmp finds equal", script: "below \"$needless\"" },
        Right {
            what: "a fresh upper directory, with what differs",
            script: "inside 'umount merged; cd upper; for f in *; do
                    if [ -f $f ] && cmp -s $f ../lower/$f; then continue; fi; cp -a $f ../work/$f; rm $f; done
                rm -f *; mv ../work/[a-e]* .'
                inside \"mount -t overlay overlay -o $options merged\"",
        },
    ],
    follow: Some("inside \"$hint\""),
    runs: None,
};
