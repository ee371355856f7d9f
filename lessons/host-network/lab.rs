//! Find: which container has its host's network.

use crate::error::Result;
use crate::kernel::namespace::{Kind as Namespace, unshare};
use crate::kernel::process::{Clone3, set_name};
use crate::lab::{Exam, Kind, Lab, Record, Setting, resident};
use crate::machine::Need;
use crate::probe::process::{named, namespace};
use crate::trace::Ledger;

pub(super) const LAB: Lab = Lab {
    kind: Kind::Find,
    title: "who has the host's network",
    needs: &[Need::Namespace(Namespace::Net), Need::Namespace(Namespace::Uts)],
    begin,
    task,
    check,
    solve,
};

/// How many containers there are.
const CONTAINERS: u64 = 4;

fn container(record: &Record, number: u64) -> &str {
    record.value(&format!("name{number}"))
}

/// A host with some containers. One was started with the host's network, and two share another one.
fn begin(setting: &mut Setting) -> Result<()> {
    let wanted = setting.draw("wanted", 1..=CONTAINERS);
    let names: Vec<String> =
        (1..=CONTAINERS).map(|number| setting.draw_name(&format!("name{number}"), "bee")).collect();
    setting.hold(move |_| {
        unshare(&[Namespace::Net])?;
        for (number, name) in (1..).zip(&names) {
            let own = Clone3::new().newuts();
            let clone = if number == wanted { own } else { own.newnet() };
            resident(clone, || Ok(set_name(name)?))?;
        }
        Ok(())
    })?;
    let holder = setting.holder_pid();
    setting.remember("holder", holder.to_string());
    Ok(())
}

fn task(record: &Record) -> String {
    let names: Vec<&str> = (1..=CONTAINERS).map(|number| container(record, number)).collect();
    format!(
        "On a host, which is the network namespace of process {holder}, four containers are running; their first processes are
called

  {names}

One of them was started with the host's network. Which one? Answer with its name:

  glassbox lab check host-network NAME",
        holder = record.value("holder"),
        names = names.join(" "),
    )
}

fn check(record: &Record, exam: &mut Exam) -> Result<()> {
    let host = namespace(record.holder_pid(), Namespace::Net)?;
    let answer = exam.answer.clone().unwrap_or_default();
    let name = answer.trim();
    let is_one = (1..=CONTAINERS).any(|number| container(record, number) == name);
    let pid = named(name).filter(|_| is_one);
    let its = pid.map(|pid| namespace(pid, Namespace::Net)).transpose()?;
    let right = its.as_ref().is_some_and(|its| its.text == host.text);
    let yours = namespace("self", Namespace::Net)?;
    let mistake = match &its {
        _ if name.is_empty() => "an answer is a name: glassbox lab check host-network bee-…".to_string(),
        None if is_one => {
            "that container was ended: `glassbox lab reset host-network`, then start again".into()
        }
        None => "that is none of the four".into(),
        Some(its) if its.text == yours.text => {
            "that one is in your own network, and the host is another one".into()
        }
        Some(_) => "that container has a network of its own".into(),
    };
    let seen = if answer.is_empty() { "no answer".into() } else { format!("your answer {answer}") };
    exam.claim("which container has the host's network", right, seen, &host.source).mistake(mistake).hints([
        "one network namespace, one number: each process has a link to its own".to_string(),
        format!("readlink {}, and the same of each container", host.source),
        "for n in NAMES; do p=$(grep -lx $n /proc/[0-9]*/comm | cut -d/ -f3); echo $n $(readlink /proc/$p/ns/net); done"
            .into(),
    ]);
    Ok(())
}

fn solve(record: &Record, _: &Ledger) -> Result<Option<String>> {
    let host = namespace(record.holder_pid(), Namespace::Net)?;
    let shares = |name: &&str| {
        let its = named(name).and_then(|pid| namespace(pid, Namespace::Net).ok());
        its.is_some_and(|its| its.text == host.text)
    };
    Ok((1..=CONTAINERS).map(|number| container(record, number)).find(shares).map(String::from))
}
