// Attempts to get out of a container, or to look out of it. Each is made in a process of its own.
//
//   escape MARK    MARK is a path that is there on the host, and not in the container
//
// A line for each attempt: its name, and the errno with which it failed; "done" if it did not.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *mark;

// What fails without an errno of the kernel's.
static long failed(int why) { errno = why; return -1; }

// Mounts.
static long mount_tmpfs(void) { return mount("tmpfs", "/tmp", "tmpfs", 0, ""); }
static long mount_proc(void) { return mount("proc", "/tmp", "proc", 0, ""); }
static long mount_cgroup(void) { return mount("cgroup", "/tmp", "cgroup", 0, "memory"); }
static long mount_bind(void) { return mount("/", "/tmp", NULL, MS_BIND, NULL); }
static long mount_propagation(void) { return mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL); }
static long remount_sys(void) { return mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long remount_proc_sys(void) { return mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long remount_root_dev(void) { return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long unmount_proc_sys(void) { return umount2("/proc/sys", MNT_DETACH); }
static long unmount_kcore(void) { return umount2("/proc/kcore", MNT_DETACH); }
static long new_mount_api(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static long open_tree_clone(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }
static long move_a_mount(void) { return syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0); }
static long mount_attributes(void) {
    unsigned long attributes[4] = { 0, 1, 0, 0 };
    return syscall(SYS_mount_setattr, AT_FDCWD, "/sys", 0, attributes, sizeof attributes);
}
static long pivot(void) { return syscall(SYS_pivot_root, "/", "/tmp"); }

// Namespaces.
static long unshare_user(void) { return unshare(CLONE_NEWUSER); }
static long unshare_mounts(void) { return unshare(CLONE_NEWNS); }
static long clone_user(void) {
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return pid;
}
static long clone3_user(void) {
    unsigned long args[8] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
    long pid = syscall(SYS_clone3, args, sizeof args);
    if (pid == 0) _exit(0);
    return pid;
}
static long enter_namespace(void) {
    int fd = open("/proc/1/ns/mnt", O_RDONLY);
    return fd < 0 ? -1 : setns(fd, 0);
}

// Out of the root. Whoever gets out sees the mark.
static long seen_from_here(void) {
    struct stat is;
    return stat(mark, &is);
}
static long chroot_break_out(void) {
    int root = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/dev/shm/jail", 0755);
    if (chroot("/dev/shm/jail") < 0 || fchdir(root) < 0) return -1;
    for (int i = 0; i < 64; i++) if (chdir("..") < 0) return -1;
    if (chroot(".") < 0) return -1;
    return seen_from_here();
}
static long dots(void) {
    char path[4096] = "/proc/self/root";
    for (int i = 0; i < 64; i++) strcat(path, "/..");
    struct stat is;
    return stat(strcat(path, mark), &is);
}
static long through_process_1(void) {
    char path[4096];
    struct stat is;
    snprintf(path, sizeof path, "/proc/1/root%s", mark);
    return stat(path, &is);
}
static long through_working_directory(void) {
    char path[4096] = "/proc/1/cwd";
    struct stat is;
    for (int i = 0; i < 16; i++) strcat(path, "/..");
    return stat(strcat(path, mark), &is);
}
// CVE-2014-9357, "Shocker": the root of a file system has a handle that can be guessed.
static long by_handle(void) {
    struct { struct file_handle handle; unsigned char bytes[8]; } guess = { { 8, 1 }, { 2 } };
    int mount = open("/etc", O_RDONLY);
    return open_by_handle_at(mount, &guess.handle, O_RDONLY);
}
// CVE-2024-21626: a descriptor of the host's that was left open.
static long left_descriptors(void) {
    char link[64], path[4200];
    struct stat is;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d/../../../../../../../..", fd);
        snprintf(path, sizeof path, "%s%s", link, mark);
        if (stat(path, &is) == 0) return fd;
        if (fd > 2 && fcntl(fd, F_GETFD) >= 0) return fd;
    }
    return failed(EBADF);
}
// CVE-2019-5736: the runtime's own program. Process 1 is ours already, and nobody else's is to be seen.
static long runtimes_program(void) {
    char target[4096];
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/exe", entry->d_name);
        long length = readlink(path, target, sizeof target - 1);
        if (length > 0 && (target[length] = 0, strstr(target, "glassbox"))) return 0;
    }
    return failed(ENOENT);
}

// Files of the machine.
static long writes(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -1 : write(fd, text, strlen(text));
}
static long reads(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    if (fd < 0) return -1;
    long length = read(fd, &byte, 1);
    return length == 0 ? failed(ENODATA) : length;
}
static long core_pattern(void) { return writes("/proc/sys/kernel/core_pattern", "|/bin/sh"); }
static long modprobe(void) { return writes("/proc/sys/kernel/modprobe", "/bin/sh"); }
static long panic_timeout(void) { return writes("/proc/sys/kernel/panic", "1"); }
static long drop_caches(void) { return writes("/proc/sys/vm/drop_caches", "1"); }
static long overcommit(void) { return writes("/proc/sys/vm/overcommit_memory", "1"); }
static long sysrq(void) { return writes("/proc/sysrq-trigger", "h"); }
static long module_parameter(void) { return writes("/sys/module/kernel/parameters/panic", "1"); }
static long uevent(void) { return writes("/sys/devices/virtual/mem/null/uevent", "add"); }
static long kcore(void) { return reads("/proc/kcore"); }
static long keys_file(void) { return reads("/proc/keys"); }
static long interrupts(void) { return reads("/proc/interrupts"); }
static long timers(void) { return reads("/proc/timer_list"); }
static long firmware(void) {
    int entries = 0;
    DIR *dir = opendir("/sys/firmware");
    if (!dir) return -1;
    while (readdir(dir)) entries++;
    return entries > 2 ? entries : failed(ENODATA);
}
static long release_agent(void) {
    static const char *files[] = { "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent" };
    for (int i = 0; i < 2; i++) if (writes(files[i], "/bin/sh") >= 0) return 0;
    return -1;
}
static long notify_on_release(void) {
    static const char *files[] = { "/sys/fs/cgroup/memory/notify_on_release", "/sys/fs/cgroup/cgroup.freeze" };
    return writes(files[access(files[0], F_OK) < 0], "1");
}
static long own_limit(void) {
    static const char *files[] = { "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max" };
    return writes(files[access(files[0], F_OK) < 0], "999999999999");
}
static long new_group(void) {
    return mkdir(access("/sys/fs/cgroup/memory", F_OK) < 0 ? "/sys/fs/cgroup/new" : "/sys/fs/cgroup/memory/new", 0755);
}

// Devices.
static long device(const char *dir, mode_t kind, int major, int minor) {
    char path[64];
    snprintf(path, sizeof path, "%s/escape-%d-%d", dir, major, minor);
    unlink(path);
    if (mknod(path, kind | 0666, makedev(major, minor)) < 0) return -1;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    int why = errno;
    unlink(path);
    // Without such a device, or without a medium, nobody has refused anything.
    return fd < 0 && (why == ENXIO || why == ENODEV) ? 0 : failed(fd < 0 ? why : 0) * (fd < 0);
}
static long disk(void) { return device("/tmp", S_IFBLK, 8, 0); }
static long virtual_disk(void) { return device("/tmp", S_IFBLK, 254, 0); }
static long loop_device(void) { return device("/tmp", S_IFBLK, 7, 0); }
static long disk_in_dev(void) { return device("/dev", S_IFBLK, 8, 0); }
static long disk_in_shm(void) { return device("/dev/shm", S_IFBLK, 8, 0); }
static long memory_device(void) { return device("/tmp", S_IFCHR, 1, 1); }
static long port_device(void) { return device("/dev", S_IFCHR, 1, 4); }
static long kernel_log_device(void) { return device("/dev", S_IFCHR, 1, 11); }
static long fuse(void) { return device("/dev", S_IFCHR, 10, 229); }
static long kvm(void) { return device("/dev", S_IFCHR, 10, 232); }
static long in_volume(void) { return device("/volume", S_IFBLK, 8, 0); }

// Other processes, and keys.
static long trace_maker(void) { return ptrace(PTRACE_ATTACH, 0x3ffffe, 0, 0); }
static long read_other_memory(void) {
    char byte;
    struct iovec iov = { &byte, 1 };
    return process_vm_readv(getppid(), &iov, 1, &iov, 1, 0);
}
static long take_descriptor(void) {
    int fd = syscall(SYS_pidfd_open, getppid(), 0);
    return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 0, 0);
}
static long compare_kernel_objects(void) { return syscall(SYS_kcmp, getpid(), getppid(), 0, 0, 0); }
static long signal_the_host(void) { return kill(0x3ffffe, 0); }
static long add_a_key(void) { return syscall(SYS_add_key, "user", "escape", "x", 1L, -3); }
static long session_keyring(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static long request_a_key(void) { return syscall(SYS_request_key, "user", "escape", 0, -3); }

// The terminal, and the kernel.
static long type_into_terminal(void) { return ioctl(0, TIOCSTI, "x"); }
static long type_into_console(void) {
    int fd = open("/dev/tty", O_RDWR);
    return fd < 0 ? -1 : ioctl(fd, TIOCSTI, "x");
}
static long load_module(void) { return syscall(SYS_init_module, "", 0L, ""); }
static long load_module_file(void) { return syscall(SYS_finit_module, 0, "", 0); }
static long new_kernel(void) { return syscall(SYS_kexec_load, 0L, 0L, 0L, 0L); }
static long restart(void) { return syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0); }
static long load_bpf(void) { return syscall(SYS_bpf, 0, 0L, 0L); }
static long user_faults(void) { return syscall(SYS_userfaultfd, 0); }
static long io_uring(void) { return syscall(SYS_io_uring_setup, 1, 0L); }
static long performance(void) { return syscall(SYS_perf_event_open, 0L, 0, 0, 0, 0L); }
static long kernel_log(void) { return klogctl(3, NULL, 0); }
static long set_clock(void) {
    struct timeval time = { 1, 0 };
    return settimeofday(&time, NULL);
}
static long set_host_name(void) { return sethostname("escape", 6); }
static long swap_off(void) { return syscall(SYS_swapoff, "/swap"); }
static long disk_quota(void) { return syscall(SYS_quotactl, 0, 0L, 0, 0L); }
static long accounting(void) { return syscall(SYS_acct, "/tmp/acct"); }
static long other_personality(void) { return syscall(SYS_personality, 0x0040000); }
static long virtual_socket(void) { return socket(40, SOCK_STREAM, 0); }
static long raise_capability(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0); }
static long more_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }
static long without_filter(void) { return prctl(PR_SET_SECCOMP, 0, 0, 0, 0); }

#define ATTEMPT(name) { #name, name }
static const struct { const char *name; long (*attempt)(void); } attempts[] = {
    ATTEMPT(mount_tmpfs), ATTEMPT(mount_proc), ATTEMPT(mount_cgroup), ATTEMPT(mount_bind), ATTEMPT(mount_propagation),
    ATTEMPT(remount_sys), ATTEMPT(remount_proc_sys), ATTEMPT(remount_root_dev), ATTEMPT(unmount_proc_sys),
    ATTEMPT(unmount_kcore), ATTEMPT(new_mount_api), ATTEMPT(open_tree_clone), ATTEMPT(move_a_mount),
    ATTEMPT(mount_attributes), ATTEMPT(pivot), ATTEMPT(unshare_user), ATTEMPT(unshare_mounts), ATTEMPT(clone_user),
    ATTEMPT(clone3_user), ATTEMPT(enter_namespace), ATTEMPT(seen_from_here), ATTEMPT(chroot_break_out), ATTEMPT(dots),
    ATTEMPT(through_process_1), ATTEMPT(through_working_directory), ATTEMPT(by_handle), ATTEMPT(left_descriptors),
    ATTEMPT(runtimes_program), ATTEMPT(core_pattern), ATTEMPT(modprobe), ATTEMPT(panic_timeout), ATTEMPT(drop_caches),
    ATTEMPT(overcommit), ATTEMPT(sysrq), ATTEMPT(module_parameter), ATTEMPT(uevent), ATTEMPT(kcore),
    ATTEMPT(keys_file), ATTEMPT(interrupts), ATTEMPT(timers), ATTEMPT(firmware), ATTEMPT(release_agent),
    ATTEMPT(notify_on_release), ATTEMPT(own_limit), ATTEMPT(new_group), ATTEMPT(disk), ATTEMPT(virtual_disk),
    ATTEMPT(loop_device), ATTEMPT(disk_in_dev), ATTEMPT(disk_in_shm), ATTEMPT(memory_device), ATTEMPT(port_device),
    ATTEMPT(kernel_log_device), ATTEMPT(fuse), ATTEMPT(kvm), ATTEMPT(in_volume), ATTEMPT(trace_maker),
    ATTEMPT(read_other_memory), ATTEMPT(take_descriptor), ATTEMPT(compare_kernel_objects),
    ATTEMPT(signal_the_host), ATTEMPT(add_a_key), ATTEMPT(session_keyring), ATTEMPT(request_a_key),
    ATTEMPT(type_into_terminal), ATTEMPT(type_into_console), ATTEMPT(load_module), ATTEMPT(load_module_file),
    ATTEMPT(new_kernel), ATTEMPT(restart), ATTEMPT(load_bpf), ATTEMPT(user_faults), ATTEMPT(io_uring),
    ATTEMPT(performance), ATTEMPT(kernel_log), ATTEMPT(set_clock), ATTEMPT(set_host_name), ATTEMPT(swap_off),
    ATTEMPT(disk_quota), ATTEMPT(accounting), ATTEMPT(other_personality), ATTEMPT(virtual_socket),
    ATTEMPT(raise_capability), ATTEMPT(more_privileges), ATTEMPT(without_filter),
};

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    mark = argv[1];
    for (unsigned i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        pid_t child = fork();
        if (child < 0) return 1;
        if (child == 0) {
            // None may take long; one that does is ended, and has not been refused.
            alarm(10);
            errno = 0;
            long result = attempts[i].attempt();
            const char *outcome = result < 0 ? strerrorname_np(errno) : "done";
            printf("%s %s\n", attempts[i].name, outcome ? outcome : "?");
            fflush(stdout);
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) < 0 || status) printf("%s ended with %x\n", attempts[i].name, status);
        fflush(stdout);
    }
    return 0;
}
