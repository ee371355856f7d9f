//! Every refusal that is known, in one table. The first row that fits is what the user is told.
//!
//! A row fits if one of its things was tried, if one of its numbers came back (without any: whatever came back),
//! and if all of its facts are so on this machine. Words in braces come from what was tried, or from a fact:
//! [`Tried`] and [`Fact`] say which; {release} is that of the kernel, {glassbox} the path of this program, {user}
//! and {uid} those of whoever runs it.

use super::facts::Fact::*;
use super::row::{Row, tried};
use super::{Tried, Tried::*};
use crate::kernel::Errno::{self, *};

/// System calls, whatever they are for.
const CALLS: &[Tried] = &[
    UserNamespace,
    Namespace,
    Process,
    Proc,
    Overlay,
    Mount,
    Filter,
    PacketRule,
    Translation,
    NetworkSetting,
    Link,
    Throttle,
    OtherCall,
];
const NAMESPACES: &[Tried] = &[UserNamespace, Namespace];
const MOUNTS: &[Tried] = &[Proc, Overlay, Mount];
const DENIED: &[Errno] = &[EPERM, EACCES];
const FULL: &[Errno] = &[ENOSPC, EDQUOT];

const OUTSIDE: &str = "run glassbox outside of the container, or start the container with --privileged";
const PROFILE: &str = "give glassbox a profile of its own: echo 'abi <abi/4.0>, profile glassbox {glassbox} \
                       flags=(unconfined) { userns, }' | sudo apparmor_parser -r";
const DOCTOR: &str = "`glassbox doctor` shows what this machine allows";
const ELSEWHERE: &str = "point XDG_STATE_HOME at a directory of yours: XDG_STATE_HOME=$(mktemp -d) glassbox";
const OTHER_KERNEL: &str = "boot a kernel that has it: each distribution's own does";

/// A group of the user's own, with a child for the shell that this is typed into: a group that hands on has no
/// processes.
const HAND_ON: &str = "make one, and be in it: sudo sh -c 'cd {mount}; mkdir -p glassbox/shell; \
                       for c in memory pids cpu; do echo +$c >cgroup.subtree_control; \
                       echo +$c >glassbox/cgroup.subtree_control; done; cd glassbox; \
                       chown {uid} . cgroup.procs shell shell/cgroup.procs; echo '$$' >shell/cgroup.procs'";
/// The container's processes go into a child of their group, as Docker's own image for Docker does it.
const MAKE_ROOM: &str = "make room: cd {mount}; mkdir -p init; for p in $(cat cgroup.procs); do \
                         echo $p >init/cgroup.procs 2>/dev/null; done; \
                         for c in memory pids cpu io; do echo +$c >cgroup.subtree_control; done";

/// The table.
pub const TABLE: &[Row] = &[
    // The machine as a whole.
    tried(&[State]).facts(&[NoProc]).says(
        "/proc is not mounted, and there the kernel shows its state: cannot read {path}",
        "sudo mount -t proc proc /proc",
    ),
    tried(CALLS).facts(&[Wsl1]).says(
        "this is WSL 1, which imitates Linux, without namespaces and cgroups ({call}: {errno})",
        "in Windows: wsl.exe --set-version {distribution} 2",
    ),
    // Limits on the number of namespaces hold for root, too.
    tried(&[UserNamespace]).errno(&[ENOSPC]).facts(&[UserLimit]).says(
        "user namespaces are switched off: user.max_user_namespaces is 0 ({call}: {errno})",
        "sudo sysctl user.max_user_namespaces=15000",
    ),
    tried(NAMESPACES).errno(&[ENOSPC]).facts(&[KindLimit]).says(
        "{kind} namespaces are switched off: user.max_{kind}_namespaces is 0 ({call}: {errno})",
        "sudo sysctl user.max_{kind}_namespaces=15000",
    ),
    tried(NAMESPACES).errno(&[ENOSPC, EUSERS]).says(
        "a limit on the number of namespaces, or on their depth, is reached: {call}({args}): {errno}",
        "look which number is too low: grep . /proc/sys/user/max_*_namespaces",
    ),
    // Containers and sandboxes around glassbox.
    tried(CALLS).errno(&[EPERM, EACCES, ENOSYS]).facts(&[Filtered, Contained]).says(
        "this is {container}, and its seccomp filter forbids {call} ({errno})",
        OUTSIDE,
    ),
    tried(CALLS).errno(&[EPERM, EACCES, ENOSYS]).facts(&[Filtered]).says(
        "a seccomp filter around this process forbids {call} ({errno})",
        "run glassbox outside of the sandbox, or the service, that has set the filter",
    ),
    tried(CALLS).errno(&[EACCES]).facts(&[Contained, Confined]).says(
        "this is {container}, and its AppArmor profile {profile} forbids {call}({args}): {errno}",
        OUTSIDE,
    ),
    tried(&[Proc]).errno(&[EPERM]).facts(&[Covered]).says(
        "parts of {tree} are covered, as containers have it, and then the kernel makes no whole one \
         ({call}: {errno})",
        "run glassbox outside of the container, or start it with --security-opt systempaths=unconfined, \
         in Podman unmask=ALL",
    ),
    tried(&[UserNamespace]).errno(&[EPERM]).facts(&[Chrooted]).says(
        "this process is in a chroot, where the kernel makes no user namespaces ({call}: {errno})",
        "run glassbox outside of the chroot",
    ),
    // User namespaces of ordinary users.
    tried(&[UserNamespace]).errno(&[EPERM]).facts(&[Ordinary, CloneSwitch]).says(
        "ordinary users may not make user namespaces: kernel.unprivileged_userns_clone is 0 ({call}: {errno})",
        "sudo sysctl kernel.unprivileged_userns_clone=1, or run glassbox as root",
    ),
    tried(&[UserNamespace]).errno(&[EPERM]).facts(&[CloneSwitch]).says(
        "ordinary users may not make user namespaces: kernel.unprivileged_userns_clone is 0 ({call}: {errno})",
        "sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    tried(CALLS).errno(DENIED).facts(&[AppArmorSwitch]).says(
        "AppArmor restricts user namespaces: kernel.apparmor_restrict_unprivileged_userns is 1 \
         ({call}: {errno})",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or, for glassbox alone: \
         echo 'abi <abi/4.0>, profile glassbox {glassbox} flags=(unconfined) { userns, }' | \
         sudo apparmor_parser -r",
    ),
    tried(CALLS).errno(DENIED).facts(&[Powerless]).says(
        "the AppArmor profile {inner} leaves no capabilities in a user namespace ({call}: {errno})",
        PROFILE,
    ),
    tried(&[UserNamespace]).errno(DENIED).facts(&[Confined, NoneAtAll]).says(
        "the AppArmor profile {profile} forbids user namespaces ({call}: {errno})",
        PROFILE,
    ),
    // What a kernel does not have.
    tried(&[Loop]).errno(&[EPERM, EACCES, ENOENT, ENODEV, ENXIO]).facts(&[Ordinary]).says(
        "attaching a loop device is for root, and for root of the machine: {call}({args}): {errno}",
        "run glassbox as root, for example with sudo",
    ),
    tried(&[Loop]).errno(&[EPERM, EACCES, ENOENT, ENODEV, ENXIO]).facts(&[Contained]).says(
        "this is {container}, and loop devices are not handed on to it: {call}({args}): {errno}",
        OUTSIDE,
    ),
    tried(&[Loop]).errno(&[ENOENT, ENODEV, ENXIO]).facts(&[NoModules]).says(
        "loop devices are a module, and /lib/modules has none for this kernel, {release} ({call}: {errno})",
        "boot the kernel that is installed, or install the modules of the one that runs",
    ),
    tried(&[Loop]).errno(&[ENOENT, ENODEV, ENXIO]).says(
        "this kernel has no loop devices, or their module is not loaded: {call}({args}): {errno}",
        "sudo modprobe loop",
    ),
    tried(&[Loop]).says("{call}({args}) failed: {answer}", DOCTOR),
    tried(&[Throttle]).errno(&[ENOENT]).says(
        "this kernel, {release}, limits no input and output, it was built without CONFIG_BLK_DEV_THROTTLING: \
         {call}({args}): {errno}",
        OTHER_KERNEL,
    ),
    tried(NAMESPACES).errno(&[EINVAL]).facts(&[NoKind]).says(
        "this kernel, {release}, has no {kind} namespaces ({call}: {errno})",
        "boot a kernel that has them: each distribution's own does, and time namespaces came with Linux 5.6",
    ),
    tried(&[Overlay]).errno(&[ENODEV]).facts(&[Contained]).says(
        "the kernel around {container} has no overlayfs, or its module is not loaded ({call}: {errno})",
        "outside of the container: sudo modprobe overlay",
    ),
    tried(&[Overlay]).errno(&[ENODEV]).facts(&[NoModules]).says(
        "overlayfs is a module, and /lib/modules has none for this kernel, {release} ({call}: {errno})",
        "boot the kernel that is installed, or install the modules of the one that runs",
    ),
    tried(&[Overlay]).errno(&[ENODEV]).says(
        "this kernel has no overlayfs, or its module is not loaded ({call}: {errno})",
        "sudo modprobe overlay",
    ),
    tried(&[Overlay]).errno(&[EPERM]).facts(&[OldOverlay, Ordinary]).says(
        "this kernel, {release}, lets nobody but root mount overlayfs ({call}: {errno})",
        "boot Linux 5.11 or newer, or run glassbox as root",
    ),
    tried(&[Overlay]).errno(&[EPERM]).facts(&[OldOverlay]).says(
        "this kernel, {release}, mounts no overlayfs in a user namespace ({call}: {errno})",
        "boot Linux 5.11 or newer",
    ),
    tried(&[Proc, Mount])
        .errno(&[ENODEV])
        .says("this kernel, {release}, has no such file system: {call}({args}): {errno}", OTHER_KERNEL),
    tried(&[Filter])
        .errno(&[EINVAL])
        .says("this kernel, {release}, has no seccomp filters ({call}: {errno})", OTHER_KERNEL),
    tried(&[PacketRule]).errno(&[EPROTONOSUPPORT, EOPNOTSUPP, EINVAL, ENOENT]).says(
        "this kernel, {release}, has no nf_tables, or the module is not loaded ({call}: {errno})",
        "sudo modprobe nf_tables",
    ),
    tried(&[Translation]).errno(&[EPROTONOSUPPORT, EOPNOTSUPP, EINVAL, ENOENT]).says(
        "this kernel, {release}, translates no addresses, or the modules for it are not loaded ({call}: {errno})",
        "sudo modprobe -a nf_tables nft_chain_nat nft_masq nft_nat nft_fib_ipv4",
    ),
    tried(&[NetworkSetting]).errno(&[EROFS]).says(
        "/proc/sys is mounted read-only, as containers have it: {call}({args}): {errno}",
        OUTSIDE,
    ),
    tried(&[Link]).errno(&[EOPNOTSUPP, ENODEV, ENOENT]).facts(&[NoModules]).says(
        "{module} interfaces are a module, and /lib/modules has none for this kernel, {release} ({call}: {errno})",
        "boot the kernel that is installed, or install the modules of the one that runs",
    ),
    tried(&[Link]).errno(&[EOPNOTSUPP, ENODEV, ENOENT]).says(
        "this kernel, {release}, has no {module} interfaces, or their module is not loaded ({call}: {errno})",
        "sudo modprobe {module}",
    ),
    tried(CALLS)
        .errno(&[ENOSYS])
        .says("this kernel, {release}, does not have {call} ({errno})", "boot a newer kernel"),
    // What is used up.
    tried(CALLS).errno(&[EAGAIN]).says(
        "no more processes may be made ({call}: {errno})",
        "end some, or raise the limit: ulimit -u, or pids.max of your cgroup",
    ),
    tried(CALLS)
        .errno(&[ENOMEM])
        .says("there is no memory left for {call}({args}): {errno}", "end some programs, and try again"),
    tried(MOUNTS)
        .errno(&[ENOSPC])
        .says("there are too many mounts ({call}: {errno})", "sudo sysctl fs.mount-max=100000"),
    tried(&[OtherCall]).errno(FULL).facts(&[InMemory]).says(
        "the file system in memory is full: {call}({args}): {errno}",
        "free some memory, and try again",
    ),
    tried(&[OtherCall]).errno(FULL).says(
        "the disk is full: {call}({args}): {errno}",
        "make room on it: df -h shows how full each one is",
    ),
    tried(&[OtherCall]).errno(&[EIO]).facts(&[InMemory, OldTmpfs]).says(
        "overlayfs cannot mark a directory as opaque: in this kernel, {release}, a file system in memory keeps no \
         attributes of users ({call}: {errno})",
        "boot Linux 6.6 or newer, or run glassbox as root",
    ),
    // Refused for no reason that was found.
    tried(CALLS)
        .errno(DENIED)
        .facts(&[Contained])
        .says("this is {container}, and the kernel refuses {call}({args}) in it: {errno}", OUTSIDE),
    tried(CALLS).errno(DENIED).facts(&[Ordinary]).says(
        "the kernel refuses {call}({args}) to this user: {errno}",
        "run glassbox as root, for example with sudo",
    ),
    tried(CALLS).errno(DENIED).says(
        "something forbids {call}({args}) even to root: {errno}",
        "look whether a security module says so: sudo dmesg | tail",
    ),
    tried(CALLS).says("{call}({args}) failed: {answer}", DOCTOR),
    // A cgroup controller that is not there.
    tried(&[Controller]).facts(&[BootedWithout]).says(
        "the {controller} controller is off: the kernel was booted with cgroup_disable={controller}",
        "take cgroup_disable={controller} out of the kernel's command line, and boot again",
    ),
    tried(&[Controller]).facts(&[SwitchedOff]).says(
        "the {controller} controller is off in this kernel, as /proc/cgroups shows",
        "add cgroup_enable={controller} to the kernel's command line, and boot again",
    ),
    tried(&[Controller])
        .facts(&[NoTree, Contained])
        .says("this is {container}, and no cgroup file system is mounted in it", OUTSIDE),
    tried(&[Controller])
        .facts(&[NoTree])
        .says("no cgroup file system is mounted", "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup"),
    tried(&[Controller]).facts(&[V1Mounted, InV2]).says(
        "cgroups are mounted in version 1, without a {controller} tree, and this kernel, {release}, has that \
         controller in version 2",
        "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line",
    ),
    tried(&[Controller]).facts(&[BuiltIn, V1Mounted]).says(
        "cgroups are mounted in version 1, without a {controller} tree",
        "sudo mkdir -p /sys/fs/cgroup/{legacy} && \
         sudo mount -t cgroup -o {legacy} {legacy} /sys/fs/cgroup/{legacy}",
    ),
    tried(&[Controller])
        .facts(&[BuiltIn, Contained])
        .says("this is {container}, and the {controller} controller is not handed on to it", OUTSIDE),
    tried(&[Controller]).says("this kernel, {release}, has no {controller} controller", OTHER_KERNEL),
    tried(&[CpuQuota])
        .says("this kernel, {release}, was built without quotas of CPU time (CFS_BANDWIDTH)", OTHER_KERNEL),
    tried(&[NewPrivileges]).says(
        "no program can gain privileges here: no_new_privs was set before glassbox was started",
        "run glassbox outside of the sandbox, or the service, that has set it",
    ),
    // A cgroup controller that is not for this user.
    tried(&[GroupV1, GroupV2])
        .facts(&[ReadOnlyTree])
        .says("{below} is mounted read-only, as containers have it: no cgroup can be made there", OUTSIDE),
    tried(&[GroupV1]).says(
        "version 1 of cgroups is not handed on to ordinary users: this user may not make a cgroup with the \
         {controller} controller below {below}",
        "run glassbox as root",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Wsl2, NoSystemd]).says(
        "WSL was started without systemd, which hands cgroups on: this user may not make one with the \
         {controller} controller below {below}",
        "printf '[boot]\\nsystemd=true\\n' | sudo tee -a /etc/wsl.conf, then in Windows: wsl.exe --shutdown",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Manager, ManagerHasIt, NoSystemdRun]).says(
        "systemd-run is not on PATH, and the place for cgroups is with the user's service manager: this \
         session may not make one with the {controller} controller below {below}",
        "install it, on Debian: sudo apt install systemd",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Manager, ManagerHasIt]).says(
        "the place for cgroups is with the user's service manager: this session may not make one with the \
         {controller} controller below {below}",
        "work in a shell of its: systemd-run --user --scope -p Delegate=yes \"$SHELL\"",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Manager]).says(
        "the user's service manager is not given the {controller} controller, and this user may not make a \
         cgroup with it below {below}",
        "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory \
         pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, \
         then log out and in again",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Systemd]).says(
        "this user has no service manager, which comes with a login and not with su or sudo, and may not make \
         a cgroup with the {controller} controller below {below}",
        "log in as {user}, or start it without: sudo loginctl enable-linger {user}",
    ),
    tried(&[GroupV2]).facts(&[Ordinary, Contained]).says(
        "this is {container}, and no cgroup with the {controller} controller is handed on to this user in it",
        "run glassbox outside of the container",
    ),
    tried(&[GroupV2]).facts(&[Ordinary]).says(
        "no cgroup is handed on to users here: this one may not make one with the {controller} controller \
         below {below}",
        HAND_ON,
    ),
    tried(&[GroupV2]).facts(&[Contained]).says(
        "this is {container}, and its cgroup {below} cannot hand the {controller} controller on while processes \
         are in it",
        MAKE_ROOM,
    ),
    tried(&[GroupV2]).facts(&[Systemd]).says(
        "no cgroup at or above {below} hands the {controller} controller on",
        "work in a shell of a scope: sudo systemd-run --scope -p Delegate=yes \"$SHELL\"",
    ),
    tried(&[GroupV2]).says(
        "no cgroup at or above {below} hands the {controller} controller on",
        "echo +{controller} | sudo tee {mount}/cgroup.subtree_control",
    ),
    // Programs, versions, files.
    tried(&[Version]).facts(&[Wsl2]).says(
        "this kernel is {release}, and Linux {version} or newer is needed",
        "in Windows: wsl.exe --update",
    ),
    tried(&[Version])
        .says("this kernel is {release}, and Linux {version} or newer is needed", "boot a newer kernel"),
    tried(&[Program]).says(
        "the program {program} is not on PATH",
        "install it, on Debian: sudo apt install {package}",
    ),
    tried(&[KernelImage]).facts(&[KernelNamed]).says(
        "the kernel image that GLASSBOX_KERNEL names cannot be read: {path}: {answer}",
        "let it name a file that this user can read, and not below /tmp, which every lesson has for itself",
    ),
    tried(&[KernelImage])
        .errno(DENIED)
        .says("the kernel image {path} is not for this user to read: {answer}", "sudo chmod a+r {path}"),
    tried(&[KernelImage]).says(
        "this machine has no kernel image in /boot or /lib/modules with which to boot a virtual one",
        "install one, on Debian: sudo apt install {package}, or name one: GLASSBOX_KERNEL=/where/it/is/vmlinuz",
    ),
    tried(&[Boot]).says(
        "no virtual machine boots here with the kernel image {path}: {what}",
        "name another one: GLASSBOX_KERNEL=/where/it/is/vmlinuz",
    ),
    tried(&[Library]).says(
        "the library {library}, which {program} needs, was not found",
        "run ldconfig as root, or install the package that has {library}",
    ),
    tried(&[ImageFile]).says(
        "cannot read {path}: {answer}",
        "the image is made from the programs on PATH: look at that file",
    ),
    tried(&[Home]).says(
        "neither XDG_STATE_HOME nor HOME names a directory",
        "set one: XDG_STATE_HOME=$(mktemp -d) glassbox",
    ),
    tried(&[StateDirectory, System])
        .errno(FULL)
        .says("{what}: {answer}", "make room on that disk, or point XDG_STATE_HOME at another one"),
    tried(&[System]).errno(&[EACCES, EPERM, EROFS, ENOTDIR]).says("{what}: {answer}", ELSEWHERE),
    tried(&[StateDirectory]).says("{what}: {answer}", ELSEWHERE),
    tried(&[Disk]).says(
        "the state directory is on no file system with a disk and a page cache",
        "set XDG_STATE_HOME to a directory on ext4, xfs or btrfs",
    ),
    tried(&[Output]).says(
        "cannot write the output: {answer}",
        "look at where the output goes: is that disk full?",
    ),
    tried(&[State]).says("cannot read {path}: {answer}", DOCTOR),
    tried(&[System])
        .errno(&[EMFILE, ENFILE])
        .says("{what}: {answer}", "close some files, or raise the limit: ulimit -n 1024"),
    tried(&[System]).says("{what}: {answer}", DOCTOR),
    tried(&[Removal])
        .says("cannot remove {what}", "end whatever uses it, or remove it as root; then again: {again}"),
    tried(&[Performer]).says(
        "the lesson's own process ended before its time: {how}",
        "if neither you nor a lack of memory ended it, please report it",
    ),
    tried(&[Glassbox]).says("{what}", "this is a fault of glassbox: please report it"),
];
