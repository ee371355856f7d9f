//! Divide the CPU time of two groups by weights. The scripts do so on either version of cgroups.

use crate::{Attempts, Right, Wrong};

pub(crate) const ATTEMPTS: Attempts = Attempts {
    lab: "cpu",
    tools: &["taskset", "renice", "grep", "head", "sed", "seq", "sleep", "tr"],
    prelude: "
        path=${path%/}
        if [ -e $path/cpu.shares ]; then
            weight=cpu.shares usual=1024
            limit() { echo $(($2 * 1000)) > $1/cpu.cfs_quota_us; }
        else
            weight=cpu.weight usual=100
            limit() { echo $(($2 * 1000)) 100000 > $1/cpu.max; }
        fi
        weigh() { echo $2 > $path/$1/$weight; }
        one=$(head -n 1 $path/batch/cgroup.procs)",
    wrong: &[
        Wrong {
            what: "the weight of the wrong group",
            script: "weigh web $usual; weigh batch $((usual * times))",
            claim: "web weighs $times times as much as batch",
            says: "it is the other way round: the greater weight gets more",
        },
        Wrong {
            what: "the factor in place of a weight",
            script: "weigh web $times",
            claim: "web weighs $times times as much as batch",
            says: "a weight is no factor: $times stands beside the ",
        },
        Wrong {
            what: "both alike",
            script: "weigh web $usual; weigh batch $usual",
            claim: "web weighs $times times as much as batch",
            says: "$times times ",
        },
        Wrong {
            what: "nice",
            script: "for pid in $(cat $path/batch/cgroup.procs); do renice -n 19 -p $pid >/dev/null; done",
            claim: "web weighs $times times as much as batch",
            says: "`nice` divides time among the processes of one group",
        },
        Wrong {
            what: "a quota for batch",
            script: "limit $path/batch $((30 / (times + 1)))",
            claim: "each can use what the other leaves",
            says: "a quota holds back even when nobody else wants the CPU",
        },
        Wrong {
            what: "more for both together",
            script: "limit $path 60; weigh batch $usual; weigh web $((usual * times))",
            claim: "together they may use what they could",
            says: "the quota of the group above was changed: it is not what keeps web down",
        },
        Wrong {
            what: "batch was ended",
            script: "
                kill -KILL $(cat $path/batch/cgroup.procs); weigh batch $usual; weigh web $((usual * times))
                for try in $(seq 600); do grep -q . $path/batch/cgroup.procs || break; sleep 0.1; done",
            claim: "both programs run in their groups",
            says: "batch was ended, stopped or moved: both have to go on where they are",
        },
        Wrong {
            what: "batch was stopped",
            script: "
                weigh batch $usual; weigh web $((usual * times)); kill -STOP $one
                for try in $(seq 600); do grep -q 'State:.R' /proc/$one/status || break; sleep 0.1; done",
            claim: "both programs run in their groups",
            says: "batch was ended, stopped or moved: both have to go on where they are",
        },
        Wrong {
            what: "batch on another CPU",
            script: "
                here=$(grep Cpus_allowed_list /proc/$one/status | tr -dc 0-9)
                other=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
                [ $other != $here ] || { echo 'there is one CPU' >&2; exit 77; }
                weigh batch $usual; weigh web $((usual * times))
                for pid in $(cat $path/batch/cgroup.procs); do taskset -cp $other $pid >/dev/null; done",
            claim: "both programs run in their groups",
            says: "batch was given another CPU: weights count between those who want the same one",
        },
    ],
    right: &[
        Right { what: "more for web", script: "weigh web $(($(cat $path/batch/$weight) * times))" },
        Right { what: "less for batch", script: "weigh batch $((usual / times))" },
        Right {
            what: "both, after other tries",
            script: "
                limit $path/batch 5; weigh web $times
                limit $path/batch 20; weigh batch $((usual * 2)); weigh web $((usual * 2 * times))
                [ $weight = cpu.shares ] && echo -1 > $path/batch/cpu.cfs_quota_us ||
                    echo max > $path/batch/cpu.max",
        },
    ],
    follow: Some("eval \"$hint\""),
    runs: None,
};
