//! Make a cgroup with a limit, and put a process into it. The scripts do so on either version of cgroups.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "memory",
    tools: &["sleep"],
    prelude: "
        parent=$(dirname $path)
        if [ -e $parent/memory.limit_in_bytes ]; then
            max=memory.limit_in_bytes soft=memory.soft_limit_in_bytes
        else
            max=memory.max soft=memory.high
        fi
        stay() { sleep 100000 & echo $! > $1/cgroup.procs; }",
    wrong: &[
        Wrong {
            what: "a misspelt name",
            script: "mkdir ${path%/}s",
            claim: "the group exists",
            says: "its name is misspelt: there is",
        },
        Wrong {
            what: "a tree without the controller",
            script: "
                other=/sys/fs/cgroup/pids
                [ -d $other ] && [ ! -e $other/memory.stat ] || { echo 'there is one tree' >&2; exit 77; }
                mkdir $other/$name",
            claim: "the group exists",
            says: "is in a tree without the memory controller",
        },
        Wrong {
            what: "a group without a limit",
            script: "mkdir $path; stay $path",
            claim: "its limit is $limit MiB",
            says: "no limit is set in this group",
        },
        Wrong {
            what: "bytes in place of mebibytes",
            script: "mkdir $path; echo $limit > $path/$max; stay $path",
            claim: "its limit is $limit MiB",
            says: "the unit is bytes: $limit is less than a page",
        },
        Wrong {
            what: "megabytes",
            script: "mkdir $path; echo $((limit * 1000 * 1000)) > $path/$max",
            claim: "its limit is $limit MiB",
            says: "bytes are megabytes; a mebibyte has 1024 x 1024 bytes",
        },
        Wrong {
            what: "kibibytes",
            script: "mkdir $path; echo ${limit}K > $path/$max",
            claim: "its limit is $limit MiB",
            says: "that is $limit KiB",
        },
        Wrong {
            what: "gibibytes",
            script: "mkdir $path; echo ${limit}G > $path/$max",
            claim: "its limit is $limit MiB",
            says: "that is $limit GiB",
        },
        Wrong {
            what: "another number",
            script: "mkdir $path; echo $((limit + 1))M > $path/$max",
            claim: "its limit is $limit MiB",
            says: "$limit MiB are ",
        },
        Wrong {
            what: "the limit on the parent",
            script: "
                outer=$parent/$name-outer
                mkdir $outer
                [ -e $outer/$max ] || { echo 'the controller is not handed on' >&2; exit 77; }
                echo ${limit}M > $outer/$max
                [ ! -e $outer/cgroup.subtree_control ] || echo +memory > $outer/cgroup.subtree_control
                mkdir $outer/$name; stay $outer/$name",
            claim: "its limit is $limit MiB",
            says: "the limit is set on its parent, ",
        },
        Wrong {
            what: "the soft limit",
            script: "mkdir $path; echo ${limit}M > $path/$soft; stay $path",
            claim: "its limit is $limit MiB",
            says: "is not the hard limit",
        },
        Wrong {
            what: "nobody in the group",
            script: "mkdir $path; echo ${limit}M > $path/$max",
            claim: "a process is in it",
            says: "no process is in it",
        },
        Wrong {
            what: "a process that has ended",
            script: "
                mkdir $path; echo ${limit}M > $path/$max
                [ -e $path/memory.max_usage_in_bytes ] || [ -e $path/memory.peak ] ||
                    { echo 'this kernel does not keep the peak' >&2; exit 77; }
                sh -c 'echo $$ > $0/cgroup.procs; ls / > /dev/null' $path",
            claim: "a process is in it",
            says: "a process was in it and has ended: start one that stays",
        },
        Wrong {
            what: "the process in another tree",
            script: "
                other=/sys/fs/cgroup/pids
                [ -d $other ] && [ ! -e $other/memory.stat ] || { echo 'there is one tree' >&2; exit 77; }
                mkdir $path $other/$name; echo ${limit}M > $path/$max; stay $other/$name",
            claim: "a process is in it",
            says: "its memory is counted in another tree",
        },
    ],
    right: &[
        Right {
            what: "mkdir and echo, mebibytes",
            script: "mkdir $path; echo ${limit}M > $path/$max; stay $path",
        },
        Right {
            what: "mkdir and echo, bytes, the process first",
            script: "mkdir $path; stay $path; echo $((limit * 1024 * 1024)) > $path/$max",
        },
        Right {
            what: "another place that serves as well",
            script: "
                outer=$parent/$name-outer
                mkdir $outer
                [ ! -e $outer/cgroup.subtree_control ] || echo +memory > $outer/cgroup.subtree_control
                mkdir $outer/$name; echo ${limit}M > $outer/$name/$max; stay $outer/$name",
        },
        Right {
            what: "with earlier tries left behind",
            script: "
                mkdir ${path%/}s; stay ${path%/}s
                mkdir $path; echo 1G > $path/$max; echo ${limit}M > $path/$max
                stay $path; stay $path; mkdir $path/inner",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
