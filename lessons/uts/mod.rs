//! UTS namespaces: a host name of one's own.

mod lab;

use crate::event::man;
use crate::kernel::capability::{self, capset};
use crate::kernel::namespace::{Kind, setns};
use crate::kernel::process::Clone3;
use crate::kernel::uts::{setdomainname, sethostname};
use crate::kernel::{Errno, Refused, fs};
use crate::machine::Need;
use crate::probe::process::namespace;
use crate::probe::uts::{domain_name, host_name, release};
use crate::stage::{Lesson, Result, Stage};

/// The lesson.
pub(super) const LESSON: Lesson = Lesson {
    id: "uts",
    title: "UTS namespace",
    minutes: 6,
    builds_on: &["process"],
    steps: 4,
    needs: &[Need::Namespace(Kind::Uts)],
    run,
    lab: lab::LAB,
};

fn run(stage: &mut Stage) -> Result<()> {
    a_name_for_everybody(stage)?;
    a_name_of_its_own(stage)?;
    who_joins_sees_it(stage)?;
    who_may_name_it(stage)
}

// ANCHOR: a_name_for_everybody
fn a_name_for_everybody(stage: &mut Stage) -> Result<()> {
    stage.step("a name for everybody");
    stage.say(
        "Every machine has a host name: prompts show it, logs and mails carry it. A program that wants another
         one calls sethostname(). We let one do so, but not on your machine: a throw-away UTS namespace stands
         in for it, with a neighbour in it who does nothing at all.",
    );
    let guess = stage.predict(
        "A process calls sethostname(\"careless\"). Who has the new name?",
        &["it alone", "it and its children", "everybody in its namespace"],
    );
    let yours = host_name()?.varying();

    let machine = stage.child("machine", Clone3::new().newuts(), |machine| {
        sethostname("machine")?;
        let mut neighbour = machine.child("neighbour", Clone3::new(), |neighbour| {
            let before = host_name()?;
            neighbour.hold()?;
            let after = host_name()?;
            neighbour.state("what the neighbour reads").compare(&before, &after, "not his doing").show();
            neighbour.check("the neighbour has another name").expect("careless").saw(&after)?;
            let observed = if after == before { "it alone" } else { "everybody in its namespace" };
            neighbour.reveal(
                guess,
                observed,
                "A host name belongs to no process. The kernel keeps it once for each UTS namespace, and whoever
                 may set it sets it for all who are there.",
            )?;
            neighbour.hold()
        })?;
        machine.child("careless", Clone3::new(), |_| Ok(sethostname("careless")?))?.finish()?;
        neighbour.go_on();
        machine.hold()?;
        neighbour.finish()
    })?;

    stage.check("your machine is called what it was").expect(&yours).saw(&host_name()?.varying())?;
    stage.why(
        "UTS is \"Unix time-sharing system\": the structure that uname() fills in has been called utsname since the
         seventies. What it says of host and domain is the namespace's; the rest is the kernel's.",
        &[man("uts_namespaces", 7), man("uname", 2)],
    );
    stage.try_it(
        stage.scene().nsenter(machine.pid(), "-u", "uname -n"),
        "the name that the careless one has left there",
    );
    stage.try_it("uname -n", "and that of your machine");
    stage.pause("the throw-away namespace is still there")?;
    machine.finish()
}
// ANCHOR_END: a_name_for_everybody

// ANCHOR: a_name_of_its_own
fn a_name_of_its_own(stage: &mut Stage) -> Result<()> {
    stage.step("a name of its own");
    stage.say("Now the right way round: first a namespace, with the flag CLONE_NEWUTS, and in there a name.");
    let guess = stage.predict(
        "In a new UTS namespace nobody has set a name yet. What is it called?",
        &["(none)", "localhost", "as its maker is called"],
    );
    let (host, domain) = (host_name()?.varying(), domain_name()?.varying());

    let container = stage.child("container", Clone3::new().newuts(), |inside| {
        let (first, none) = (host_name()?.varying(), domain_name()?.varying());
        inside.check("a new namespace has its maker's name").expect(&host).saw(&first)?;
        let observed = match first.text.as_str() {
            text if text == host.text => "as its maker is called",
            "localhost" => "localhost",
            _ => "(none)",
        };
        inside.reveal(
            guess,
            observed,
            "It begins as a copy, like a mount namespace, and unlike a network namespace, which begins empty. So
             a forgotten sethostname() does not show: the container is called like the host.",
        )?;
        sethostname("web")?;
        setdomainname("glass")?;
        let (named, in_domain) = (host_name()?, domain_name()?);
        inside
            .state("what the container reads")
            .compare(&first, &named, "set inside")
            .compare(&none, &in_domain, "the NIS domain")
            .show();
        inside.check("inside, the host is called web").expect("web").saw(&named)?;
        inside.check("inside, the NIS domain is glass").expect("glass").saw(&in_domain)?;
        inside.hold()
    })?;

    let (own, its) = (namespace("self", Kind::Uts)?, namespace(container.pid(), Kind::Uts)?);
    let (host_now, domain_now) = (host_name()?.varying(), domain_name()?.varying());
    stage
        .state("what the host reads")
        .new(&its, "a new namespace")
        .compare(&host, &host_now, "")
        .compare(&domain, &domain_now, "")
        .show();
    stage.check("it is another UTS namespace").expect_other_than(&own).saw(&its)?;
    stage.check("the host's name is untouched").expect(&host).saw(&host_now)?;
    stage.check("and so is its NIS domain").expect(&domain).saw(&domain_now)?;
    stage.why(
        "Textbooks write \"host name and domain name\". The domain is that of NIS, a directory service of the
         eighties; it has nothing to do with DNS. Nor does the host name make anybody reachable: that is done by
         /etc/hosts and name servers, which is why `docker run` writes an /etc/hosts for each container.",
        &[man("setdomainname", 2), man("hostname", 1), man("hosts", 5)],
    );
    stage.try_it(stage.scene().nsenter(container.pid(), "-u", "uname -n"), "the name inside");
    stage.pause("the container is called web")?;
    container.finish()
}
// ANCHOR_END: a_name_of_its_own

// ANCHOR: who_joins_sees_it
fn who_joins_sees_it(stage: &mut Stage) -> Result<()> {
    stage.step("who joins sees it");
    stage
        .say("A second process, which was made on the host, enters the namespace of the first with setns().");
    let container = stage.child("container", Clone3::new().newuts(), |inside| {
        sethostname("web")?;
        inside.hold()
    })?;
    let first = container.pid();

    let mut visitor = stage.child("visitor", Clone3::new(), |visitor| {
        let before = host_name()?.varying();
        setns(first, &[Kind::Uts])?;
        let after = host_name()?;
        visitor.state("what the visitor reads").compare(&before, &after, "another namespace").show();
        visitor.check("it sees the name that the first has set").expect("web").saw(&after)?;
        visitor.hold()?;
        let later = host_name()?;
        visitor.check("the name is still there").expect("web").saw(&later)?;
        visitor.hold()
    })?;

    let (its, same) = (namespace(first, Kind::Uts)?, namespace(visitor.pid(), Kind::Uts)?);
    stage.check("both are in one namespace").expect(&its).saw(&same)?;
    stage.why(
        "`docker exec` and nsenter(1) are a setns() for each kind of namespace, then the program. A bind mount of
         /proc/PID/ns/uts keeps a namespace even when no process is left in it.",
        &[man("setns", 2), man("nsenter", 1), man("namespaces", 7)],
    );
    stage.try_it(
        format!("readlink /proc/{first}/ns/uts /proc/{}/ns/uts", visitor.pid()),
        "one namespace, seen through two processes",
    );
    stage.pause("two processes, and one name")?;
    let guess = stage.predict(
        "Now the first process ends. What becomes of the namespace that was made for it?",
        &["it ends, too", "it stays, with its name", "it stays, with the host's name"],
    );

    container.finish()?;
    visitor.go_on();
    let still = namespace(visitor.pid(), Kind::Uts)?;
    stage.check("the visitor is in the same namespace").expect(&its).saw(&still)?;
    let observed = if still.text == its.text { "it stays, with its name" } else { "it ends, too" };
    stage.reveal(
        guess,
        observed,
        "A namespace belongs to nobody in particular: it is there as long as somebody uses it. A PID namespace,
         which ends with its number 1, is the exception.",
    )?;
    stage.try_it(stage.scene().nsenter(visitor.pid(), "-u", "uname -n"), "the name, with its maker gone");
    stage.pause("the visitor is alone in the namespace")?;
    visitor.finish()
}
// ANCHOR_END: who_joins_sees_it

// ANCHOR: who_may_name_it
fn who_may_name_it(stage: &mut Stage) -> Result<()> {
    stage.step("who may name it");
    stage.say(
        "A container's root has fewer powers than root: Docker leaves it fourteen capabilities. We give a child a
         UTS namespace of its own, name it, and then take from it what Docker takes.",
    );
    let guess = stage.predict(
        "This root then calls sethostname() in the container's own namespace. What happens?",
        &["the container has a new name", "the host has a new name", "EPERM"],
    );
    let kernel = release()?;

    let container = stage.child("container", Clone3::new().newuts(), |inside| {
        sethostname("web")?;
        let refused = fs::write("/proc/sys/kernel/osrelease", "9.9").refused();
        inside
            .check("the kernel's release cannot be set at all")
            .saw((refused.is_some(), "write(\"/proc/sys/kernel/osrelease\")"))?;
        inside.check("it is the host's: there is one kernel").expect(&kernel).saw(&release()?)?;

        capset(capability::DOCKER_DEFAULT)?;
        let refused = sethostname("mine").refused();
        inside.check("this root may not").expect(Errno::EPERM).saw((refused, "sethostname(\"mine\")"))?;
        let name = host_name()?;
        inside.check("the container keeps its name").expect("web").saw(&name)?;
        let observed = if refused.is_some() { "EPERM" } else { "the container has a new name" };
        inside.reveal(
            guess,
            observed,
            "It takes CAP_SYS_ADMIN in the user namespace that the UTS namespace belongs to, and that one is not
             among the fourteen. A namespace says what can be reached, capabilities say what may be done.",
        )?;
        inside.hold()
    })?;

    stage.why(
        "So a runtime names the container first and drops capabilities after that: `docker run --hostname web`.
         In a running container `hostname other` fails with \"you must be root to change the host name\", although
         `id` says that you are.",
        &[man("capabilities", 7), man("sethostname", 2)],
    );
    stage.try_it(format!("grep CapEff /proc/{}/status", container.pid()), "what is left of root's powers");
    stage.pause("the container is called web, for good")?;
    container.finish()
}
// ANCHOR_END: who_may_name_it
