//! Repair a profile in docker's format.

use crate::{Attempts, Right, Wrong};

const PROGRAM: &str = "a program starts, reads a file, and has a child";

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "seccomp",
    tools: &["sed", "printf"],
    prelude: "
        profile() { printf '{\"defaultAction\": \"%s\", \"syscalls\": [%s]}\\n' $1 \"$2\" > $file; }
        rule() { printf '{\"names\": [%s], \"action\": \"%s\", \"errnoRet\": %s}' \"$1\" $2 $3; }
        both='\"chdir\", \"fchdir\"'",
    wrong: &[
        Wrong {
            what: "fchdir added, and nothing taken out",
            script: "sed -i 's/\"chdir\",/\"chdir\", \"fchdir\",/; s/\"errnoRet\": 1/\"errnoRet\": '$number'/' $file",
            claim: PROGRAM,
            says: "a call that every program needs is refused",
        },
        Wrong {
            what: "the other way to a directory forgotten",
            script: "profile SCMP_ACT_ALLOW \"$(rule '\"chdir\"' SCMP_ACT_ERRNO $number)\"",
            claim: "fchdir fails with $name",
            says: "fchdir is allowed: no rule names it",
        },
        Wrong {
            what: "with EPERM, as it was",
            script: "profile SCMP_ACT_ALLOW \"$(rule \"$both\" SCMP_ACT_ERRNO 1)\"",
            claim: "chdir fails with $name",
            says: "it fails, but with EPERM: errnoRet says with what",
        },
        Wrong {
            what: "killed",
            script: "profile SCMP_ACT_ALLOW \"$(rule \"$both\" SCMP_ACT_KILL_PROCESS 0)\"",
            claim: "chdir fails with $name",
            says: "the process is ended by SIGSYS: it should go on, with an error",
        },
        Wrong {
            what: "everything forbidden but the two",
            script: "profile SCMP_ACT_ERRNO \"$(rule \"$both\" SCMP_ACT_ERRNO $number)\"",
            claim: PROGRAM,
            says: "a call that every program needs is refused",
        },
        Wrong {
            what: "logged and allowed",
            script: "profile SCMP_ACT_ALLOW \"$(rule \"$both\" SCMP_ACT_LOG 0)\"",
            claim: "chdir fails with $name",
            says: "chdir is allowed: no rule names it",
        },
        Wrong {
            what: "a comma too many",
            script: "profile SCMP_ACT_ALLOW \"$(rule \"$both\" SCMP_ACT_ERRNO $number),\"",
            claim: "the profile can be used",
            says: "it is not a profile as docker writes them",
        },
        Wrong {
            what: "the file removed",
            script: "rm $file",
            claim: "the profile can be used",
            says: "it is not a profile as docker writes them",
        },
    ],
    right: &[
        Right {
            what: "edited in place",
            script: "sed -i 's/\"names\": .*/\"names\": [\"chdir\", \"fchdir\"],/; s/\"errnoRet\": 1/\"errnoRet\": '$number'/' $file",
        },
        Right { what: "one rule", script: "profile SCMP_ACT_ALLOW \"$(rule \"$both\" SCMP_ACT_ERRNO $number)\"" },
        Right {
            what: "a rule for each, and one that is not needed",
            script: "
                one=$(rule '\"fchdir\"' SCMP_ACT_ERRNO $number); two=$(rule '\"chdir\"' SCMP_ACT_ERRNO $number)
                profile SCMP_ACT_ALLOW \"$one, $two, $(rule '\"read\", \"write\"' SCMP_ACT_ALLOW 0)\"",
        },
    ],
    follow: None,
    runs: None,
};
