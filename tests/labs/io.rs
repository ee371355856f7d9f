//! Slow a process down that writes to a disk. The scripts do so on either version of cgroups.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "io",
    tools: &["cat", "grep", "head", "ls", "sed", "seq"],
    prelude: "
        path=${path%/}
        pid=$(grep -lx \"$process\" /proc/[0-9]*/comm 2>/dev/null | sed 's/[^0-9]//g')
        disk=$(ls -l /proc/$pid/fd | sed -n 's|.* /dev/\\(loop[0-9]*\\)$|\\1|p' | head -n 1)
        number=$(cat /sys/block/$disk/dev)
        if [ -e $path/io.max ]; then
            limit() { echo \"$2 w$1=$3\" > $path/io.max; }
        else
            limit() { echo \"$2 $3\" > $path/blkio.throttle.write_$1_device; }
        fi",
    wrong: &[
        Wrong {
            what: "the limit for reading as it was, with another number",
            script: "
                if [ -e $path/io.max ]; then
                    echo \"$number rbps=$((allowed * 512))\" > $path/io.max
                else
                    echo \"$number $((allowed * 512))\" > $path/blkio.throttle.read_bps_device
                fi",
            claim: "it writes at most $allowed KiB a second",
            says: "what is limited is reading, ",
        },
        Wrong {
            what: "the number without its unit",
            script: "limit bps $number $allowed",
            claim: "and at least half of that",
            says: "the unit is bytes: the limit is $allowed bytes a second",
        },
        Wrong {
            what: "mebibytes in place of kibibytes",
            script: "limit bps $number $((allowed * 1024 * 1024))",
            claim: "it writes at most $allowed KiB a second",
            says: "$allowed MiB a second are a thousand times as much",
        },
        Wrong {
            what: "twice as much",
            script: "limit bps $number $((allowed * 2 * 1024))",
            claim: "it writes at most $allowed KiB a second",
            says: "the limit is ",
        },
        Wrong {
            what: "another disk",
            script: "
                for other in /sys/block/*; do
                    other=$(cat $other/dev)
                    [ $other = $number ] || ! limit bps $other $((allowed * 1024)) 2>/dev/null || exit 0
                done
                echo 'there is one disk' >&2; exit 77",
            claim: "it writes at most $allowed KiB a second",
            says: "and it writes to ",
        },
        Wrong {
            what: "stopped",
            script: "kill -STOP $pid",
            claim: "and at least half of that",
            says: "it was stopped: it should go on, and more slowly",
        },
        Wrong {
            what: "ended",
            script: "
                kill -KILL $pid
                for try in $(seq 600); do grep -q 'State:.[RSD]' /proc/$pid/status || break; sleep 0.1; done",
            claim: "$process lives",
            says: "it was ended: it should go on, and more slowly",
        },
        Wrong {
            what: "another group",
            script: "
                mkdir $path-slow; path=$path-slow
                limit bps $number $((allowed * 1024)); echo $pid > $path/cgroup.procs",
            claim: "it is in its group",
            says: "it was moved out of its group",
        },
    ],
    right: &[
        Right { what: "bytes a second", script: "limit bps $number $((allowed * 1024))" },
        Right { what: "three quarters of it", script: "limit bps $number $((allowed * 768))" },
        Right {
            what: "after a wrong unit",
            script: "limit bps $number $allowed; sleep 0.2; limit bps $number $((allowed * 1024))",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
