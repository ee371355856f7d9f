//! A terminal of the container's own, in front of ours.

use libtest_mimic::Trial;
use nix::sys::signal::Signal;

use crate::common::host::Host;
use crate::common::trial;
use crate::screen::Screen;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("terminal: a shell in a container", shell),
        trial("terminal: Ctrl-C and Ctrl-Z mean the programs inside", keys),
        trial("terminal: a window that is closed", closed),
        trial("terminal: signals leave it as it was", signals),
        trial("terminal: exec -it", exec),
    ]
}

const RUN: [&str; 6] = ["run", "--rm", "-it", "-e", "PS1=prompt> ", "tiny"];

fn with<const N: usize, const M: usize>(
    first: [&'static str; N],
    then: [&'static str; M],
) -> Vec<&'static str> {
    first.into_iter().chain(then).collect()
}

fn at(host: &Host, columns: u16, arguments: Vec<&str>) -> Screen {
    match arguments.as_slice() {
        [a, b, c, d, e, f, g] => Screen::start(&host.home, columns, [a, b, c, d, e, f, g]),
        [a, b, c, d, e, f, g, h, i] => Screen::start(&host.home, columns, [a, b, c, d, e, f, g, h, i]),
        other => panic!("{other:?}"),
    }
}

fn shell() {
    let Some(host) = Host::new("a terminal") else { return };
    let mut screen = at(&host, 91, with(RUN, ["sh"]));
    screen.wait_for("prompt> ");
    screen.press("stat -c %t:%T /dev/console; ls -l /proc/self/fd/0\r");
    screen.wait_for("/dev/pts/0");
    screen.press("test -t 0 && test -t 1 && echo all $((40 + 2))\r");
    screen.wait_for("all 42");
    screen.press("exit 6\r");
    screen.ends_with(6, &host.home);
}

fn keys() {
    let Some(host) = Host::new("a terminal") else { return };
    let mut screen = at(&host, 80, with(RUN, ["sh"]));
    screen.wait_for("prompt> ");
    // What is typed shows at once; only what a program writes tells that it runs.
    screen.press("sh -c 'echo one\"\"run; exec sleep 1000'\r");
    screen.wait_for("onerun");
    screen.press("\x03");
    screen.wait_for("prompt> ");
    screen.press("set -m; sh -c 'echo two\"\"run; exec sleep 1001'\r");
    screen.wait_for("tworun");
    screen.press("\x1a");
    screen.wait_for("prompt> ");
    screen.press("kill %1; exit 3\r");
    // A shell may want to be told twice, while it has jobs.
    screen.press("exit 3\r");
    screen.ends_with(3, &host.home);
}

fn closed() {
    let Some(host) = Host::new("a terminal") else { return };
    let mut screen = at(&host, 80, with(RUN, ["sh"]));
    screen.wait_for("prompt> ");
    screen.close();
    screen.ends_unseen(&host.home);
    crate::common::eventually("nothing is left", || host.left().is_empty());
}

fn signals() {
    let Some(host) = Host::new("a terminal") else { return };
    let script = "trap 'exit 9' TERM; echo rea''dy; while :; do sleep 0.05; done";
    let mut screen = at(&host, 80, with(RUN, ["sh", "-c", script]));
    screen.wait_for("ready");
    screen.signal(Signal::SIGTERM);
    screen.ends_with(9, &host.home);
}

fn exec() {
    let Some(host) = Host::new("a terminal") else { return };
    crate::detached::start(&host, &["--name", "web"]);
    let mut screen = at(
        &host,
        80,
        vec!["exec", "-it", "-e", "PS1=prompt> ", "web", "sh"].into_iter().chain(["-i"]).collect(),
    );
    screen.wait_for("prompt> ");
    screen.press("test -t 0 && echo all $((40 + 2)); exit 4\r");
    screen.wait_for("all 42");
    screen.ends_with(4, &host.home);
}
