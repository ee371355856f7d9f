// The floor of a container start: its system calls, and nothing else. No runtime can be faster.
//
//   floor run DIR LOWER FILTER ID    a whole container around /bin/true: namespaces of pid, mount, ipc, uts, net and
//                                    cgroup, limits of memory and processes, fresh overlay, devices, masked paths,
//                                    fourteen capabilities, the seccomp program in FILTER
//   floor layered DIR LOWER NS -- PROGRAM…   a fresh overlay at DIR/merged around another runtime, which brings none;
//                                    in the mount namespace NS unless that is "-"
//
// DIR is an empty directory on the disk. cc -O2 -static -o floor floor.c
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET (MS_NOSUID | MS_NODEV | MS_NOEXEC)

// Docker's fourteen.
#define KEPT 0xa80425fbull

static void check(long result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
        _exit(125);
    }
}

static const char *path(const char *dir, const char *name) {
    static char paths[8][640];
    static int next;
    char *made = paths[next++ % 8];
    snprintf(made, sizeof paths[0], "%s/%s", dir, name);
    return made;
}

static void put(const char *file, const char *text) {
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    check(fd, file);
    check(write(fd, text, strlen(text)), file);
    close(fd);
}

// Cgroups: one directory in version 2, one for each controller in version 1.
static int is_v2, groups;
static char group_dirs[2][256];

static void make_groups(const char *id) {
    static const char *v1[] = { "memory", "pids" };
    static const char *limits[2][2] = { { "memory.limit_in_bytes", "memory.max" }, { "pids.max", "pids.max" } };
    is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    groups = is_v2 ? 1 : 2;
    for (int i = 0; i < groups; i++) {
        snprintf(group_dirs[i], sizeof group_dirs[i], "/sys/fs/cgroup/%s/glassbox-floor-%s", is_v2 ? "" : v1[i], id);
        check(mkdir(group_dirs[i], 0755), group_dirs[i]);
    }
    for (int i = 0; i < 2; i++)
        put(path(group_dirs[is_v2 ? 0 : i], limits[i][is_v2]), i == 0 ? "67108864" : "64");
}

static void remove_groups(void) {
    for (int i = 0; i < groups; i++)
        while (rmdir(group_dirs[i]) < 0)
            check(errno == EBUSY ? 0 : -1, group_dirs[i]);
}

static void make_layers(const char *dir) {
    check(mkdir(path(dir, "upper"), 0755), "upper");
    check(mkdir(path(dir, "work"), 0755), "work");
    check(mkdir(path(dir, "merged"), 0755), "merged");
}

static void mount_layers(const char *dir, const char *lower) {
    char options[2048];
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir);
    check(mount("overlay", path(dir, "merged"), "overlay", 0, options), "overlay");
}

// What a container leaves in its upper directory without writing anything: the places of mounts, if any.
static void remove_layers(const char *dir) {
    static const char *names[] = { "work/work", "work", "upper", "merged" };
    for (int i = 0; i < 4; i++)
        rmdir(path(dir, names[i]));
}

static void devices(void) {
    static const struct { const char *name; int major, minor; } nodes[] = {
        { "dev/null", 1, 3 }, { "dev/zero", 1, 5 }, { "dev/full", 1, 7 },
        { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 },
    };
    static const char *links[][2] = {
        { "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" }, { "/proc/self/fd/1", "dev/stdout" },
        { "/proc/self/fd/2", "dev/stderr" }, { "pts/ptmx", "dev/ptmx" },
    };
    check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64k"), "dev");
    umask(0);
    for (int i = 0; i < 6; i++)
        check(mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].name);
    umask(022);
    for (int i = 0; i < 5; i++)
        check(symlink(links[i][0], links[i][1]), links[i][1]);
    check(mkdir("dev/pts", 0755), "dev/pts");
    check(mkdir("dev/shm", 0755), "dev/shm");
    check(mkdir("dev/mqueue", 0755), "dev/mqueue");
    check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"), "pts");
    check(mount("shm", "dev/shm", "tmpfs", QUIET, "mode=1777,size=65536k"), "shm");
    check(mount("mqueue", "dev/mqueue", "mqueue", QUIET, NULL), "mqueue");
}

static void masks(void) {
    static const char *covered[] = {
        "proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats",
        "proc/sched_debug", "proc/scsi", "proc/timer_list", "sys/devices/virtual/powercap", "sys/firmware",
    };
    static const char *protected[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };
    struct stat is;
    for (int i = 0; i < 11; i++) {
        if (stat(covered[i], &is) < 0) continue;
        if (S_ISDIR(is.st_mode)) check(mount("tmpfs", covered[i], "tmpfs", MS_RDONLY, "size=0k"), covered[i]);
        else check(mount("dev/null", covered[i], NULL, MS_BIND, NULL), covered[i]);
    }
    for (int i = 0; i < 5; i++) {
        if (stat(protected[i], &is) < 0) continue;
        check(mount(protected[i], protected[i], NULL, MS_BIND | MS_REC, NULL), protected[i]);
        check(mount(NULL, protected[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | QUIET, NULL), protected[i]);
    }
}

static void loopback_up(void) {
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(fd, "socket");
    check(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
    close(fd);
}

static void confine(struct sock_fprog *program) {
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (!(KEPT >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            check(errno == EINVAL ? 0 : -1, "bounding set");
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { (uint32_t)KEPT, (uint32_t)KEPT, 0 }, { 0, 0, 0 } };
    check(syscall(SYS_capset, &header, data), "capset");
    check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program), "seccomp");
}

static void contained(const char *dir, const char *lower, struct sock_fprog *program) {
    for (int i = 0; !is_v2 && i < groups; i++)
        put(path(group_dirs[i], "tasks"), "0");
    check(unshare(CLONE_NEWCGROUP), "cgroup namespace");
    check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    mount_layers(dir, lower);
    check(chdir(path(dir, "merged")), "chdir");
    check(mount("proc", "proc", "proc", QUIET, NULL), "proc");
    check(mount("sysfs", "sys", "sysfs", QUIET | MS_RDONLY, NULL), "sys");
    if (is_v2) check(mount("cgroup2", "sys/fs/cgroup", "cgroup2", QUIET | MS_RDONLY, NULL), "cgroup2");
    devices();
    masks();
    check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    check(umount2(".", MNT_DETACH), "old root");
    check(chdir("/"), "chdir");
    check(sethostname("floor", 5), "hostname");
    loopback_up();
    confine(program);
    char *argv[] = { "true", NULL }, *envp[] = { "PATH=/bin", NULL };
    execve("/bin/true", argv, envp);
    check(-1, "/bin/true");
}

static int run(const char *dir, const char *lower, const char *filter, const char *id) {
    static struct sock_filter instructions[4096];
    int fd = open(filter, O_RDONLY | O_CLOEXEC);
    check(fd, filter);
    long length = read(fd, instructions, sizeof instructions);
    check(length, filter);
    close(fd);
    struct sock_fprog program = { length / sizeof instructions[0], instructions };
    make_layers(dir);
    make_groups(id);
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
        .exit_signal = SIGCHLD,
    };
    if (is_v2) {
        int group = open(group_dirs[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(group, group_dirs[0]);
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = group;
    }
    long child = syscall(SYS_clone3, &args, sizeof args);
    check(child, "clone3");
    if (child == 0) contained(dir, lower, &program);
    int status;
    check(waitpid(child, &status, 0), "wait");
    remove_groups();
    remove_layers(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int layered(const char *dir, const char *lower, const char *namespace, char **program) {
    if (strcmp(namespace, "-")) {
        int fd = open(namespace, O_RDONLY | O_CLOEXEC);
        check(fd, namespace);
        check(setns(fd, CLONE_NEWNS), namespace);
        close(fd);
    }
    make_layers(dir);
    mount_layers(dir, lower);
    pid_t child = vfork();
    check(child, "vfork");
    if (child == 0) {
        execvp(program[0], program);
        _exit(127);
    }
    int status;
    check(waitpid(child, &status, 0), "wait");
    check(umount2(path(dir, "merged"), 0), "umount");
    remove_layers(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "run")) return run(argv[2], argv[3], argv[4], argv[5]);
    if (argc > 6 && !strcmp(argv[1], "layered")) return layered(argv[2], argv[3], argv[4], argv + 6);
    fprintf(stderr, "floor run DIR LOWER FILTER ID\nfloor layered DIR LOWER NS -- PROGRAM...\n");
    return 2;
}
