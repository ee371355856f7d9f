# What both kinds of machine have in common: everything that is carried along is put in its place, every cell is
# done, and what came of it is written to the third disk.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
. /payload/guest/circumstances.sh

every_cell() {
    # Directories that are there already, such as /tmp, stay as they are.
    tar -C /payload/files -cf - . | tar -C / --no-overwrite-dir -xf -
    . /payload/guest/programs.sh
    chmod a+rwx "$snapshots" && chmod a+rw "$snapshots"/*
    mkdir /results
    leftovers >/before
    lacks_"$lacks"
    cells >/results/console 2>&1 # of machine.sh
    tar -C /results -cf /dev/vdc .
    sync
}

# cell SLUG WHO CIRCUMSTANCE WANTED
cell() {
    slug=$1 who=$2
    results=/results/$slug
    mkdir $results
    echo "$4" >$results/wanted
    [ "$who" = root ] || chown learner: $results
    began=$(seconds)
    echo "<2>machine: $slug, $began s" >/dev/kmsg
    uname -r >$results/release
    "$3"
    echo $(($(seconds) - began)) >$results/seconds
    leftovers | grep -vxFf /before >$results/leftovers || true
}

seconds() { cut -d. -f1 /proc/uptime; }

# What is tried: for circumstances.sh to call.
try() { as "$who" env CI="$ci" INSTA_UPDATE="$update" INSTA_WORKSPACE_ROOT="$project" INSTA_OUTPUT=none sh /payload/guest/cell.sh "$results" "$@"; }

# What looks like ours. What was carried here may have such a name, too: it is there before the first cell.
leftovers() {
    ps -eo pid,args | grep '[g]lassbox' || true
    find /sys/fs/cgroup -depth -type d \( -name '*glassbox*' -o -name 'lab-*' \)
    find /tmp /var/tmp /root/.local/state/glassbox/runs /home/learner/.local/state/glassbox/runs \
        -mindepth 1 -maxdepth 1 -name '*glassbox*' 2>/dev/null
    grep glassbox /proc/self/mountinfo || true
    find /root/.local/state/glassbox/runs /home/learner/.local/state/glassbox/runs -type f 2>/dev/null || true
}
