# What can be different about a machine. Each function runs around `try` in one cell.

plainly() { try; }

without_scope() { try --no-scope; }

with_sysctl() {
    was=$(sysctl -n "$1")
    sysctl -qw "$1=$2"
    try
    sysctl -qw "$1=$was"
}
no_user_namespaces() { with_sysctl user.max_user_namespaces 0; }
no_unprivileged_namespaces() { with_sysctl kernel.unprivileged_userns_clone 0; }

# A profile for glassbox that allows everything but one thing.
with_apparmor() {
    . /payload/guest/programs.sh
    cat >/run/apparmor-profile <<PROFILE
abi <abi/4.0>,
profile glassbox_test $glassbox flags=(attach_disconnected,mediate_deleted) {
  allow file rwlkm /{**,}, allow pix /**,
  allow network, allow unix, allow ptrace, allow signal, allow mount, allow umount, allow pivot_root,
  $1
}
PROFILE
    apparmor_parser --replace /run/apparmor-profile
    try
    apparmor_parser --remove /run/apparmor-profile
}
apparmor_denies_namespaces() { with_apparmor 'allow capability, audit deny userns,'; }
# The namespace is granted, but no capability in it.
apparmor_denies_capabilities() { with_apparmor 'allow userns, audit deny capability,'; }

# Home, and where tests have theirs, are an overlay: as in a container of docker's.
state_on_overlay() {
    for dir in /var/tmp /root /home/learner; do
        layers=/run/overlay$dir
        mkdir -p $layers
        mount -t tmpfs layers $layers
        mkdir $layers/upper $layers/work
        chown --reference $dir $layers/upper
        chmod --reference $dir $layers/upper
        mount -t overlay -o lowerdir=$dir,upperdir=$layers/upper,workdir=$layers/work overlay $dir
    done
    try
    for dir in /var/tmp /root /home/learner; do umount $dir; umount /run/overlay$dir; done
}

# Inside of a container that another runtime made from this very tree.
in_container() { container /payload/guest/container.json; }
in_container_unfiltered() { container /payload/guest/container-unfiltered.json; }
container() {
    bundle=/run/bundle
    mkdir -p $bundle/rootfs /run/layers
    mount -t tmpfs layers /run/layers
    mkdir /run/layers/upper /run/layers/work
    mount -t overlay -o lowerdir=/,upperdir=/run/layers/upper,workdir=/run/layers/work overlay $bundle/rootfs
    [ "$who" = root ] && id=0 home=/root || id=1000 home=/home/learner
    sed -e "s|\"@ID@\"|$id|g" -e "s|@HOME@|$home|g" -e "s|@RESULTS@|$results|g" \
        -e "s|@CI@|$ci|g" "$1" >$bundle/config.json
    crun --cgroup-manager=disabled run --bundle $bundle outer || echo "crun: $?"
    umount $bundle/rootfs /run/layers
}

lacks_nothing() { :; }
lacks_overlayfs() {
    modprobe -r overlay
    find /lib/modules -name 'overlay.ko*' -delete
    depmod
}
