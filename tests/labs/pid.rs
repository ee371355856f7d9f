//! Find the process, and its number in the innermost namespace.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "pid",
    tools: &["grep", "sed", "seq"],
    prelude: "numbers() { sed -n 's/^NSpid:[[:space:]]*//p' /proc/$(process)/status; }",
    wrong: &[
        Wrong {
            what: "the number on the host",
            script: "process",
            claim: "its number in the innermost namespace",
            says: "that is its number on the host",
        },
        Wrong {
            what: "the number in the middle namespace",
            script: "set -- $(numbers); echo $2",
            claim: "its number in the innermost namespace",
            says: "that is its number in the middle namespace",
        },
        Wrong {
            what: "number 1, as in the lesson",
            script: "echo 1",
            claim: "its number in the innermost namespace",
            says: "the process has this number in none of its namespaces",
        },
        Wrong {
            what: "a name in place of a number",
            script: "echo $name",
            claim: "its number in the innermost namespace",
            says: "an answer is a number: glassbox lab check pid NUMBER",
        },
        Wrong {
            what: "it was ended",
            script: "end $(process)",
            claim: "the process is running",
            says: "it was ended: `glassbox lab reset pid`, then start again",
        },
        Wrong {
            what: "its namespace was ended",
            // The kernel ends what is in it one after the other.
            script: "
                it=$(process)
                kill -KILL $(sed -n 's/^PPid:[[:space:]]*//p' /proc/$it/status)
                await_end $it",
            claim: "the process is running",
            says: "it was ended: `glassbox lab reset pid`, then start again",
        },
    ],
    right: &[
        Right { what: "NSpid, read from the host", script: "numbers | sed 's/.*[[:space:]]//'" },
        Right {
            what: "with a process of one's own left behind",
            script: "sleep 100000 & numbers | sed 's/.*[[:space:]]//'",
        },
    ],
    follow: None,
    runs: None,
};
