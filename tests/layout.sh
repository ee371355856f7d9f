# layout.sh v1|v2 COMMAND...: as root, the command with a mount table that has the cgroup trees of one version only. So
# a lesson that is about something else can be recorded for a layout of which no machine is at hand:
#
#   INSTA_UPDATE=always sh tests/layout.sh v2 cargo test --test transcripts vm
set -e
# In a mount namespace of its own: the machine's trees stay where they are.
[ -n "$OWN_MOUNTS" ] || OWN_MOUNTS=yes exec unshare --mount --propagation private sh "$0" "$@"
layout=$1
shift
while umount -R /sys/fs/cgroup 2>/dev/null; do :; done
case $layout in
v2) mount -t cgroup2 cgroup2 /sys/fs/cgroup ;;
v1)
    mount -t tmpfs tmpfs /sys/fs/cgroup
    for controller in memory pids; do
        mkdir /sys/fs/cgroup/$controller
        mount -t cgroup -o $controller $controller /sys/fs/cgroup/$controller
    done
    ;;
esac
exec "$@"
