# Process 1 of a machine without systemd: mounts and cgroups as systemd leaves them, then every cell.
. /machine/machine.sh
. /payload/guest/cells.sh

mount -o remount,rw /
hostname machine
mkdir -p /dev/pts /dev/shm
# The kernel itself looks there for a program that was executed by its descriptor, if TOMOYO is on.
ln -s /proc/self/fd /dev/fd
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev shm /dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev run /run
mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
mount -t mqueue mqueue /dev/mqueue 2>/dev/null || true
mount --make-rshared /
ip link set lo up
# systemd makes its node, and whoever opens that loads the module.
modprobe -q loop || true

session=user.slice/user-1000.slice/session-1.scope
service=system.slice/cells.service
manager=user.slice/user-1000.slice/user@1000.service
delegated=$manager/app.slice/run-cells.scope

# Version 2: a directory may only hand controllers on if no process is in it.
mount_v2() {
    mkdir -p "$1"
    mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 "$1"
    (
        cd "$1"
        mkdir -p init.scope $service $session $manager/init.scope $delegated
        echo 1 >init.scope/cgroup.procs
        for dir in . system.slice user.slice user.slice/user-1000.slice $manager $manager/app.slice; do
            for controller in $(cat cgroup.controllers); do
                case $dir:$controller in
                $manager*:cpu | $manager*:memory | $manager*:pids) ;;
                $manager*) continue ;;
                esac
                echo "+$controller" >$dir/cgroup.subtree_control
            done
        done
        for dir in $manager $manager/app.slice $delegated; do
            chown learner: $dir $dir/cgroup.procs $dir/cgroup.threads $dir/cgroup.subtree_control
        done
    )
    v2=$1
}

# Version 1: a tree for each controller, some of them together, as far as this kernel has them.
mount_v1() {
    mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o nosuid,nodev,noexec,none,name=systemd cgroup /sys/fs/cgroup/systemd
    for tree in cpu,cpuacct cpuset memory blkio devices freezer pids; do
        dir=/sys/fs/cgroup/$tree
        mkdir $dir
        mount -t cgroup -o nosuid,nodev,noexec,$tree cgroup $dir 2>/dev/null || { rmdir $dir; continue; }
        mkdir -p $dir/$service $dir/$session
        v1="$v1 $dir"
    done
}

v1= v2=
case $layout in
v2) mount_v2 /sys/fs/cgroup ;;
v1) mount_v1 ;;
mixed) mount_v1; mount_v2 /sys/fs/cgroup/unified ;;
esac

# As somebody in his cgroups: `as WHO COMMAND...`
as() (
    who=$1
    shift
    case $who in
    root) group=$service ;;
    delegated) group=$delegated ;;
    login) group=$session ;;
    esac
    for dir in $v1; do echo 0 >$dir/$group/cgroup.procs; done
    [ -z "$v2" ] || echo 0 >$v2/$group/cgroup.procs
    case $who in
    root) exec env -i HOME=/root USER=root PATH="$PATH" LANG=C.UTF-8 "$@" ;;
    *) exec env -i setpriv --reuid learner --regid learner --init-groups \
        env HOME=/home/learner USER=learner PATH="$PATH" LANG=C.UTF-8 "$@" ;;
    esac
)

every_cell
systemctl poweroff --force --force
