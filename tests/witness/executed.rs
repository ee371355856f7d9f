//! What a lesson did, as strace saw it from outside.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use super::netlink;
use super::notation::{Action, address, argument, brief, messages, number, set, split};

/// Calls that change the machine, or what the process is and may do. Not every machine has each of them (`?`).
///
/// Left out are calls that only ask or wait, memory management, and talk over sockets and pipes: with these
/// the engine's processes speak to each other. Of calls that do many things, `state_changing` picks.
pub(crate) const TRACED: &str = "trace=\
    ?clone,?clone3,?fork,?vfork,unshare,setns,sched_setaffinity,?execve,?execveat,\
    ?mount,?umount2,?pivot_root,?chroot,?open_tree,?move_mount,?fsopen,?fsconfig,?fsmount,?mount_setattr,\
    sethostname,setdomainname,capset,seccomp,prctl,ioctl,umask,\
    ?setuid,?setgid,?setreuid,?setregid,?setresuid,?setresgid,?setgroups,?socket,?bind,?listen,?connect,?sendto,?sendmmsg,?recvfrom,?clock_settime,?clock_settime64,\
    ?mkdir,?mkdirat,?rmdir,?unlink,?unlinkat,?rename,?renameat,?renameat2,?symlink,?symlinkat,?link,?linkat,\
    ?fsync,?close,?mknod,?mknodat,?chmod,?fchmod,?fchmodat,?chown,?fchown,?lchown,?fchownat,?truncate,?ftruncate,?setxattr,\
    ?open,?openat,?openat2,?creat,?write,?pwrite64,?writev,?pwritev,?copy_file_range,?sendfile,?splice,\
    ?shmget,?semget,?msgget,?msgsnd,?mq_open,?kill,?tkill,?tgkill,?pidfd_send_signal,setsid,?chdir,?fchdir,\
    ?open_by_handle_at,?mlockall,?shmat,?delete_module,?pidfd_getfd,?acct,?reboot,?setpriority,?setrlimit,?prlimit64,\
    ?vhangup,?fcntl,?syslog,?timerfd_create,?epoll_create1,?epoll_ctl,?perf_event_open,?bpf";

/// Of these calls only some forms change anything that a lesson is about.
fn state_changing(call: &str, args: &[String]) -> bool {
    let first = args.first().map_or("", String::as_str);
    match call {
        // The engine arms this in every process, so that none outlives its maker. The rest only asks.
        "prctl" => first != "PR_SET_PDEATHSIG" && !first.starts_with("PR_GET_") && !first.ends_with("_READ"),
        // Only TCP and UDP, whole frames, and requests by netlink: by the rest processes speak to each other, or ask.
        "socket" => {
            matches!(first, "AF_INET" | "AF_PACKET")
                && args.get(1).is_some_and(|kind| kind.contains("SOCK_CLOEXEC"))
        }
        "bind" | "connect" => args.get(1).is_some_and(|address| address.contains("AF_INET")),
        "sendto" if is_netlink(args) => netlink::executed(&args[1]).is_some(),
        "sendto" => args.iter().any(|arg| arg.contains("AF_INET") || !messages(arg).is_empty()),
        "recvfrom" => args.get(1).is_some_and(|answer| netlink::answer(answer).is_some()),
        "sendmmsg" => args.get(1).is_some_and(|datagrams| datagrams.contains("AF_INET")),
        // The other requests of the C library ask whether a descriptor is a terminal.
        "ioctl" => args.get(1).is_some_and(|request| {
            let known = ["FICLONE", "FIBMAP", "FS_IOC_SETFLAGS"];
            request.starts_with("SIOCS") || request.starts_with("LOOP_") || known.contains(&request.as_str())
        }),
        "fcntl" => args.get(1).is_some_and(|command| command == "F_SETLEASE"),
        "prlimit64" => args.get(2).is_some_and(|limit| limit != "NULL"),
        "bpf" => first == "BPF_BTF_LOAD",
        _ => true,
    }
}

/// Whether these are messages by netlink, and not to the packet filter.
fn is_netlink(args: &[String]) -> bool {
    args.get(1).is_some_and(|message| message.contains("nlmsg_type=") && messages(message).is_empty())
}

/// The files of one `strace -ff`, by process.
pub(crate) fn read(dir: &Path) -> HashMap<i32, String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let by_pid = |path: std::path::PathBuf| {
        let pid = path.extension()?.to_str()?.parse().ok()?;
        Some((pid, String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned()))
    };
    entries.filter_map(by_pid).collect()
}

/// The calls of `performer` and of every process that descends from it, in their order.
///
/// The director, the janitor and the children in which needs are tried are the engine's: they do not descend
/// from the performer. A process that has become another program is not the lesson's any more.
pub(crate) fn actions(traces: &HashMap<i32, String>, performer: i32) -> BTreeMap<i32, Vec<Action>> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![performer];
    while let Some(pid) = waiting.pop() {
        let trace = traces.get(&pid).unwrap_or_else(|| panic!("strace has not seen the process {pid}"));
        let mut process = Process::default();
        for line in trace.lines() {
            if process.line(line) {
                break;
            }
        }
        waiting.extend(process.children);
        all.insert(pid, process.actions);
    }
    all
}

/// One process, while its trace is read.
#[derive(Default)]
struct Process {
    actions: Vec<Action>,
    /// Its children, by the numbers that they have where strace runs.
    children: Vec<i32>,
    /// Sockets of TCP and UDP.
    network: HashSet<String>,
    /// Loop devices that have got a file.
    attached: HashSet<String>,
    /// Files that are open for reading: the path as it was given.
    sources: HashMap<String, String>,
    /// Files that are open for writing: the path as it was given, and the action that opened it, until
    /// something is written.
    files: HashMap<String, (String, Option<usize>)>,
}

impl Process {
    /// A line of the trace; `true` when the process has become another program.
    fn line(&mut self, line: &str) -> bool {
        let Some((call, rest)) = line.split_once('(') else { return false };
        if !call.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_') {
            return false; // a signal, or the end
        }
        let Some((list, result)) = rest.rsplit_once(" = ") else { return false };
        let Some((list, _)) = list.rsplit_once(')') else { return false };
        let args = split(list);
        if !state_changing(call, &args) {
            return false;
        }
        let outcome = outcome(result);
        match call {
            call if brief(call, &args).is_some() => {
                self.push(call, brief(call, &args).unwrap_or_default(), outcome);
            }
            "clone" | "clone3" | "fork" | "vfork" => self.made(call, &args, result),
            "open" | "openat" | "openat2" | "creat" => self.opened(call, &args, result),
            "write" | "pwrite64" | "writev" | "pwritev" => self.wrote(call, &args, outcome),
            "sendfile" | "copy_file_range" | "splice" => self.copied(call, &args, outcome),
            "ftruncate" => {
                let file = self.named(&args[0]);
                self.push("ftruncate", vec![file, argument(&args[1])], outcome);
            }
            "capset" => {
                let sets = args[1].replace("1<<", "");
                let effective = sets.split("effective=").nth(1).unwrap_or_default();
                self.push(call, vec![set(effective.split([',', '}']).next().unwrap_or_default())], outcome);
            }
            "seccomp" => {
                let filter = args[2].split(", filter=").next().unwrap_or_default();
                self.push(call, vec![args[0].clone(), args[1].clone(), format!("{filter}}}")], outcome);
            }
            "ioctl" if args[1].starts_with("LOOP_") => self.loop_device(&args, outcome),
            "fsync" => {
                let file = self.named(&args[0]);
                self.push(call, vec![file], outcome);
            }
            // With the others it only lets go of what nobody else has.
            "close" => {
                if self.attached.remove(args[0].split('<').next().unwrap_or_default()) {
                    let file = self.named(&args[0]);
                    self.push(call, vec![file], outcome);
                }
            }
            "ioctl" => {
                // The socket is there for this request alone.
                self.actions.pop_if(|last| last.call == "socket");
                self.push(call, args[1..].iter().map(|arg| argument(arg)).collect(), outcome);
            }
            // The C library says it so. The first argument is whose limit, and the last where the old one goes.
            "prlimit64" => {
                self.push("setrlimit", args[1..3].iter().map(|arg| argument(arg)).collect(), outcome);
            }
            "prctl" => {
                let args: Vec<String> = args.iter().map(|arg| argument(arg)).collect();
                let used = args.len().min(2);
                self.push(call, args[..used].to_vec(), outcome);
            }
            "socket" => {
                self.network.insert(outcome.clone());
                self.push(call, args[..2].iter().map(|arg| argument(arg)).collect(), outcome);
            }
            "listen" if !self.network.contains(args[0].split('<').next().unwrap_or_default()) => {}
            "sendto" if is_netlink(&args) => {
                self.push(call, netlink::executed(&args[1]).unwrap_or_default(), "0".into());
            }
            // The answer to a request tells how that went.
            "recvfrom" => {
                let answer = netlink::answer(&args[1]).unwrap_or_default();
                if let Some(last) = self.actions.last_mut().filter(|last| last.call == "sendto") {
                    last.result = answer;
                }
            }
            "bind" | "listen" | "connect" | "sendto" => {
                let fd = args[0].split('<').next().unwrap_or_default();
                let messages = messages(&args[1]);
                if messages.is_empty() {
                    // Lengths and flags the narration leaves out.
                    let is_number = |arg: &String| arg.chars().all(|sign| sign.is_ascii_digit());
                    let rest = args[1..].iter().filter(|arg| call == "listen" || !is_number(arg));
                    let args = std::iter::once(fd.into()).chain(rest.map(|arg| address(arg))).collect();
                    self.push(call, args, outcome);
                } else {
                    self.push(call, messages, "0".into());
                }
            }
            // Whom they are for is told of the first only.
            "sendmmsg" => {
                let fd = args[0].split('<').next().unwrap_or_default();
                let first = args[1].split("msg_name=").nth(1).unwrap_or_default();
                self.push(call, vec![fd.into(), address(first), args[2].clone()], outcome);
            }
            "setns" => {
                let fd = args[0].split('<').next().unwrap_or_default();
                self.push(call, vec![fd.into(), argument(&args[1])], outcome);
            }
            "fchdir" => {
                let fd = args[0].split('<').next().unwrap_or_default();
                self.push(call, vec![fd.into()], outcome);
            }
            "mq_open" => {
                // The slash in front is the C library's; the size of the queue comes after the mode.
                let name = argument(&args[0]).replacen('"', "\"/", 1);
                let rest = args[1..].iter().take(2).map(|arg| argument(arg));
                self.push(call, std::iter::once(name).chain(rest).collect(), outcome);
            }
            "execve" => {
                self.push(call, args[..2].iter().map(|arg| argument(arg)).collect(), outcome.clone());
                return outcome == "0";
            }
            _ => self.named_call(call, args, outcome),
        }
        false
    }

    fn push(&mut self, call: &str, args: Vec<String>, result: String) {
        self.actions.push(Action { call: call.into(), args, result });
    }

    /// The file behind it is told by the path that it was opened with.
    fn loop_device(&mut self, args: &[String], outcome: String) {
        let device = self.named(&args[0]);
        let mut told = vec![device, args[1].clone()];
        if let Some(config) = args.get(2) {
            let field = |name| config.split(name).nth(1).unwrap_or_default();
            let flags = field("lo_flags=").split([',', '}']).next().unwrap_or_default();
            let file = self.named(field("{fd="));
            told.push(argument(&format!("{{fd={file}, lo_flags={flags}}}")));
            if outcome == "0" {
                self.attached.insert(args[0].split('<').next().unwrap_or_default().into());
            }
        }
        self.push("ioctl", told, outcome);
    }

    fn made(&mut self, call: &str, args: &[String], result: &str) {
        // `2 /* 4243 in strace's PID NS */`: its number for its maker, and for strace.
        let outside = result.split("/* ").nth(1).and_then(|text| text.split(' ').next());
        let pid = outside.unwrap_or(result.split(' ').next().unwrap_or_default());
        self.children.extend(pid.parse::<i32>().ok().filter(|pid| *pid > 0));
        let given = args.join(", ");
        let flags = given.split("flags=").nth(1).unwrap_or_default();
        let flags = flags.split([',', '}']).next().unwrap_or_default();
        self.push(call, vec![set(flags)], outcome(result));
    }

    fn opened(&mut self, call: &str, args: &[String], result: &str) {
        let (path, flags) =
            if call.starts_with("openat") { (&args[1], &args[2]) } else { (&args[0], &args[1]) };
        let path = argument(path);
        let fd = result.split('<').next().unwrap_or_default().trim().to_string();
        self.files.remove(&fd);
        let for_writing = flags.contains("O_WRONLY") || flags.contains("O_RDWR");
        if !for_writing {
            self.sources.insert(fd, path);
            return;
        }
        if path == "\"/dev/null\"" && !flags.contains("O_CREAT") {
            return;
        }
        if outcome(result).starts_with('E') {
            return self.push("open", vec![path], outcome(result));
        }
        // What matters of the flags is whether a file comes into being, and whether it has a page cache.
        let flag = ["O_TMPFILE", "O_DIRECT", "O_CREAT"].into_iter().find(|flag| flags.contains(flag));
        let unnamed = flag == Some("O_TMPFILE");
        let stands_alone = unnamed || flag == Some("O_DIRECT");
        let args = std::iter::once(path.clone()).chain(flag.map(Into::into)).collect();
        self.push("open", args, if stands_alone { fd.clone() } else { "0".into() });
        let opening = (!stands_alone).then(|| self.actions.len() - 1);
        self.files.insert(fd.clone(), (if unnamed { fd } else { path }, opening));
    }

    /// The path that a descriptor was opened with, or else the descriptor. The first use of a file that was
    /// opened for writing stands for both calls: the path is part of it.
    fn named(&mut self, descriptor: &str) -> String {
        let fd = descriptor.split('<').next().unwrap_or_default();
        match self.files.get_mut(fd) {
            None => fd.into(),
            Some((path, opening)) => {
                let (path, opening) = (path.clone(), opening.take());
                if let Some(at) = opening {
                    self.actions.remove(at);
                    let later = self.files.values_mut().filter_map(|(_, opening)| opening.as_mut());
                    later.filter(|other| **other > at).for_each(|other| *other -= 1);
                }
                path
            }
        }
    }

    fn wrote(&mut self, call: &str, args: &[String], outcome: String) {
        if is_plumbing(&args[0]) {
            return;
        }
        let known = self.files.contains_key(args[0].split('<').next().unwrap_or_default());
        let target = if known { self.named(&args[0]) } else { args[0].clone() };
        self.push(call, vec![target, argument(&args[1])], outcome);
    }

    /// A copy is made in pieces, and ends with one of nothing.
    fn copied(&mut self, call: &str, args: &[String], outcome: String) {
        let (to, from) = if call == "sendfile" { (&args[0], &args[1]) } else { (&args[2], &args[0]) };
        let from = from.split('<').next().unwrap_or_default();
        let from = self.sources.get(from).cloned().unwrap_or_else(|| from.into());
        let fresh = self.files.get(to.split('<').next().unwrap_or_default());
        let goes_on = fresh.is_some_and(|(_, opening)| opening.is_none());
        let to = self.named(to);
        let args = vec![from, to];
        match self.actions.last_mut().filter(|last| goes_on && last.call == call && last.args == args) {
            Some(last) => {
                let sum =
                    |left: &str, right: &str| left.parse::<u64>().ok()?.checked_add(right.parse().ok()?);
                last.result = sum(&last.result, &outcome).map_or(outcome, |sum| sum.to_string());
            }
            None => self.push(call, args, outcome),
        }
    }

    /// Calls whose arguments are compared as they are. The C library makes some by their newer form with a
    /// directory in front, which is the current one (`AT_FDCWD`).
    fn named_call(&mut self, call: &str, args: Vec<String>, outcome: String) {
        let removes_directory = args.iter().any(|arg| arg == "AT_REMOVEDIR");
        // Relative to a directory that is held open, it is told as it is.
        let is_relative =
            args.first().is_some_and(|first| first.starts_with(|sign: char| sign.is_ascii_digit()));
        let name = match call {
            call if is_relative => call,
            "mkdirat" => "mkdir",
            "unlinkat" if removes_directory => "rmdir",
            "unlinkat" => "unlink",
            "symlinkat" => "symlink",
            "mknodat" => "mknod",
            "renameat" | "renameat2" => "rename",
            "linkat" => "link",
            "fchmodat" => "chmod",
            "fchownat" => "chown",
            other => other,
        };
        let given = args.iter().filter(|arg| !(name != call && arg.starts_with("AT_")));
        let mut args: Vec<String> = given.map(|arg| argument(arg)).collect();
        if name != call && name == "link" {
            args.truncate(2); // flags, of which there are none
        }
        // A cgroup whose last process has just died is busy for a moment. Its removal is tried until it is
        // possible, and told once.
        if let Some(last) = self.actions.last()
            && (last.call.as_str(), last.result.as_str()) == ("rmdir", "EBUSY")
            && (name, &args) == ("rmdir", &last.args)
        {
            self.actions.pop();
        }
        self.push(name, args, outcome);
    }
}

/// Between the engine's own processes: sockets, pipes, and the ledger.
fn is_plumbing(descriptor: &str) -> bool {
    let what = descriptor.split_once('<').map_or("", |(_, what)| what.trim_end_matches('>'));
    what.starts_with("socket:") || what.starts_with("pipe:") || what.ends_with(".ledger")
}

/// `0`, `5</a/path>`, `-1 EPERM (Operation not permitted)`: the number, or the name of errno.
fn outcome(result: &str) -> String {
    let mut words = result.trim().split([' ', '<']);
    match (words.next().unwrap_or_default(), words.next()) {
        ("-1", Some(errno)) => errno.into(),
        (value, _) => number(value),
    }
}
