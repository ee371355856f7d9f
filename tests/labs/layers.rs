//! Find the layer that a file comes from.

use crate::{Attempts, Right, Wrong};

const CLAIM: &str = "the layer that the file comes from";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "layers",
    tools: &["nsenter", "grep", "sed", "ls", "tr"],
    prelude: "
        inside() { $enter -euc \"cd /tmp; $1\"; }
        ordered() {
            inside 'grep \" /tmp/image \" /proc/self/mountinfo' |
                sed 's/.*lowerdir=\\([^, ]*\\).*/\\1/' | tr : '\\n' | sed 's,.*/,,'; }
        nth() { ordered | sed -n \"${1}p\"; }",
    wrong: &[
        Wrong {
            what: "no answer",
            script: "true",
            claim: CLAIM,
            says: "an answer is the name of a layer: glassbox lab check layers NAME",
        },
        Wrong {
            what: "the topmost layer",
            script: "nth 1",
            claim: CLAIM,
            says: "that layer does not have the file",
        },
        Wrong {
            what: "the next one that has it",
            script: "nth 4",
            claim: CLAIM,
            says: "that layer has the file, and another one that is further left has it, too",
        },
        Wrong {
            what: "the whiteout",
            script: "nth 5",
            claim: CLAIM,
            says: "what that layer has is a whiteout: it hides those below it",
        },
        Wrong {
            what: "the base",
            script: "nth 6",
            claim: CLAIM,
            says: "that one is below a whiteout: nobody sees it",
        },
        Wrong { what: "a guess", script: "echo base", claim: CLAIM, says: "no layer has this name" },
    ],
    right: &[
        Right {
            what: "the first in the order of the mount that has the file",
            script: "for layer in $(ordered); do
                    if inside \"test -f layers/$layer/etc/app.conf\"; then echo $layer; break; fi; done",
        },
        Right {
            what: "the one with the same number, as a path",
            script: "
                number=$(inside 'ls -i image/etc/app.conf' | sed 's/^ *//;s/ .*//')
                inside 'ls -i layers/*/etc/app.conf' | sed -n \"s, *$number \\(.*\\)/etc/app.conf,/tmp/\\1,p\"",
        },
    ],
    follow: None,
    runs: None,
};
