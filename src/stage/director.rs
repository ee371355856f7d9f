//! The director: owns the terminal, hears every lane, and never enters a namespace.

use std::io;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};

use super::audience::{Audience, Ended, Left, Moment, Options, Presenter, Wish};
use super::channel::{Answer, Channel, Message, Received, retry};
use super::{Error, Lesson, Result, Scene, event, interrupt, performer};
use crate::error::doing;
use crate::event::{Body, Call};
use crate::kernel::{Pid, raw};
use crate::machine::{Attempt, Refusal, explain};
use crate::trace::{Identity, Ledger, RunId, Trace, janitor::Janitor};

/// Perform a lesson. Returns after everything that it made has been removed.
pub fn perform(
    lesson: &Lesson,
    options: &Options,
    presenter: &mut dyn Presenter,
    audience: &mut dyn Audience,
) -> Result<Ended> {
    let run = RunId::draw();
    let writing = || format!("cannot write below {}", options.runs.display());
    let ledger = doing(writing(), Ledger::begin(options.runs, run.as_ref()))?;
    if let Some(identity) = Identity::of(nix::unistd::getpid()) {
        // On a full disk the empty ledger goes again: nothing was made yet.
        let noted = ledger.note(&Trace::Director(identity));
        doing(writing(), noted.inspect_err(|_| drop(std::fs::remove_file(ledger.path()))))?;
    }
    let janitor = doing("making the janitor's process", Janitor::hire(ledger.path()))?;
    let (theirs, ours) = doing("making a socket pair", Channel::pair())?;
    let scene = Scene {
        run,
        mode: options.mode,
        ledger: doing(writing(), ledger.again())?,
        disk: std::fs::File::open(options.runs).ok(),
        nodes: options.nodes,
    };
    let Some(pid) = doing("making the lesson's process", raw::fork().map_err(io::Error::from))? else {
        drop(ours);
        let ready = interrupt::unguard();
        raw::exit_now(ready.map_or(1, |()| performer::perform(lesson, theirs, scene)));
    };
    drop((theirs, scene));
    interrupt::run_begins(pid, janitor.pid(), janitor.alive());
    let mut director = Director {
        lanes: vec![Lane { name: "host".into(), channel: ours, pid: None, departing: None }],
        ended: Ended::default(),
        options,
        ledger: &ledger,
        presenter,
        audience,
        pauses: 0,
        whys: vec![],
        programs: vec![],
    };
    let told = director.tell(lesson, pid);
    let ended = director.ended;
    drop(director.lanes);
    // Gone already after a lesson that was not left; otherwise ended here.
    let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
    interrupt::lesson_ends();
    let _ = retry(|| waitpid(pid, None));
    // Whoever is interrupted now waits for the janitor, too.
    janitor.dismiss();
    interrupt::run_ends();
    told.map(|()| ended)
}

struct Lane {
    name: String,
    channel: Channel,
    pid: Option<Pid>,
    /// An `execve` that has been announced; it has succeeded when the channel closes.
    departing: Option<Call>,
}

struct Director<'a> {
    lanes: Vec<Lane>,
    ended: Ended,
    options: &'a Options<'a>,
    ledger: &'a Ledger,
    presenter: &'a mut dyn Presenter,
    audience: &'a mut dyn Audience,
    pauses: usize,
    whys: Vec<Body>,
    /// Processes that have become other programs, and say nothing more.
    programs: Vec<Pid>,
}

impl Director<'_> {
    fn tell(&mut self, lesson: &Lesson, performer: Pid) -> Result<()> {
        let Lesson { id, title, minutes, steps, .. } = *lesson;
        self.show(0, Body::Lesson { id: id.into(), title: title.into(), minutes, steps })?;
        while let Some(lane) = self.next_to_speak()? {
            match doing("hearing a process of the lesson", self.lanes[lane].channel.receive())? {
                Some(received) => self.hear(lane, received)?,
                None => self.close(lane)?,
            }
            if self.ended.left.is_some() {
                return Ok(());
            }
        }
        // It stays a zombie until `perform` collects it: until then nobody else can have its number.
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let status = retry(|| waitid(Id::Pid(performer), ended)).map_err(io::Error::from);
        let status = doing("waiting for the lesson's process", status)?;
        if self.ended.failed == 0 && status != WaitStatus::Exited(performer, 0) {
            let Refusal { why, hint } = explain(Attempt::ended(&format!("{status:?}")));
            self.show(0, Body::Failed { error: why, hint })?;
        }
        let Ended { passed, failed, skipped, .. } = self.ended;
        self.show(0, Body::Finish { passed, failed, skipped })
    }

    /// The first lane that has something to say. One that is becoming another program goes first: what comes
    /// after it may depend on that.
    fn next_to_speak(&self) -> Result<Option<usize>> {
        let departing = self.lanes.iter().position(|lane| lane.departing.is_some());
        let of_interest = |index: &usize| departing.is_none_or(|first| first == *index);
        let indices: Vec<usize> = (0..self.lanes.len()).filter(of_interest).collect();
        if indices.is_empty() {
            return Ok(None);
        }
        let mut fds: Vec<PollFd> = indices
            .iter()
            .map(|index| PollFd::new(self.lanes[*index].channel.fd(), PollFlags::POLLIN))
            .collect();
        let heard = retry(|| poll(&mut fds, PollTimeout::NONE)).map_err(io::Error::from);
        doing("waiting for a process of the lesson", heard)?;
        let ready = fds.iter().position(|fd| fd.revents().is_some_and(|events| !events.is_empty()));
        Ok(ready.map(|position| indices[position]))
    }

    fn hear(&mut self, lane: usize, received: Received) -> Result<()> {
        let Received { message, pid, passed } = received;
        if self.lanes[lane].pid.replace(Pid::from_raw(pid)).is_none() {
            // A process in a PID namespace does not know this number; only here is it the host's.
            self.note(Pid::from_raw(pid))?;
        }
        let answer = match message {
            Message::Here => Answer::Go,
            Message::Show(body) => {
                self.lanes[lane].departing = None;
                self.show(lane, body)?;
                Answer::Go
            }
            Message::Aside(body) => {
                self.show_event(lane, true, body)?;
                Answer::Go
            }
            Message::Departing(call) => {
                self.lanes[lane].departing = Some(call);
                Answer::Go
            }
            Message::Lane { name, backstage } => {
                if !backstage {
                    self.show(lane, Body::Lane { name: name.clone() })?;
                }
                if let Some(fd) = passed {
                    let channel = Channel::from_passed(fd);
                    self.lanes.push(Lane { name, channel, pid: None, departing: None });
                }
                Answer::Go
            }
            Message::Predict { question, choices } => {
                self.show(lane, Body::Predict { question: question.clone(), choices: choices.clone() })?;
                let chosen =
                    if self.silent() { Ok(None) } else { self.audience.predict(&question, &choices) };
                Answer::Choice(chosen.map_err(Error::Output)?)
            }
            Message::Pause { reason } => self.pause(lane, reason)?,
        };
        doing("answering a process of the lesson", self.lanes[lane].channel.answer(&answer))
    }

    fn note(&self, pid: Pid) -> Result<()> {
        let Some(identity) = Identity::of(pid) else { return Ok(()) };
        let noted = self.ledger.note(&Trace::Process(identity));
        doing(format!("cannot write {}", self.ledger.path().display()), noted)
    }

    fn pause(&mut self, lane: usize, reason: String) -> Result<Answer> {
        self.pauses += 1;
        self.show(lane, Body::Pause { number: self.pauses, reason: reason.clone() })?;
        if self.options.fault.is_some_and(|fault| fault.at_pause == self.pauses) {
            return Ok(Answer::Fault);
        }
        if self.silent() {
            return Ok(Answer::Go);
        }
        let inside = self.innermost(lane);
        let moment = Moment { inside, whys: self.whys.clone(), reason };
        match self.audience.pause(&moment).map_err(Error::Output)? {
            Wish::Next => {}
            Wish::Restart => self.ended.left = Some(Left::Restart),
            Wish::Quit => self.ended.left = Some(Left::Quit),
        }
        Ok(Answer::Go)
    }

    /// Whether the steps that the learner has seen before are still being performed. What is done before the
    /// first step belongs to it.
    fn silent(&self) -> bool {
        self.ended.step.max(1) < self.options.from_step
    }

    /// The process that pauses, unless that is the host; else the latest one that is still there; else the
    /// host lane's, whose private mounts are the stage.
    fn innermost(&self, lane: usize) -> Option<Pid> {
        let lanes = self.lanes.iter().skip(1).filter_map(|lane| lane.pid);
        let candidates: Vec<Pid> = lanes.chain(self.programs.iter().copied()).collect();
        let is_alive = |pid: &Pid| Identity::of(*pid).is_some_and(Identity::is_alive);
        let pausing = self.lanes[lane].pid.filter(|_| lane > 0);
        pausing.or_else(|| candidates.into_iter().rfind(is_alive))
    }

    fn close(&mut self, lane: usize) -> Result<()> {
        if let Some(call) = self.lanes[lane].departing.take() {
            self.programs.extend(self.lanes[lane].pid);
            self.show(lane, Body::Call(call))?;
        }
        self.lanes.remove(lane);
        Ok(())
    }

    fn show(&mut self, lane: usize, body: Body) -> Result<()> {
        self.show_event(lane, false, body)
    }

    fn show_event(&mut self, lane: usize, aside: bool, body: Body) -> Result<()> {
        match &body {
            Body::Step { number, .. } => {
                self.ended.step = *number;
                self.whys.clear();
            }
            Body::Check(check) if check.passed => self.ended.passed += 1,
            Body::Check(_) | Body::Failed { .. } => self.ended.failed += 1,
            Body::Skip { .. } => self.ended.skipped += 1,
            Body::Why { .. } => self.whys.push(body.clone()),
            Body::Reveal { predicted: Some(predicted), observed, .. } => {
                self.ended.predictions.1 += 1;
                self.ended.predictions.0 += usize::from(predicted == observed);
            }
            _ => {}
        }
        let opening = matches!(body, Body::Lesson { .. });
        if self.silent() && !opening && !matches!(body, Body::Failed { .. } | Body::Finish { .. }) {
            return Ok(());
        }
        let (name, pid) = match self.lanes.get(lane) {
            Some(lane) => (lane.name.as_str(), lane.pid.map_or(0, Pid::as_raw)),
            None => ("host", 0),
        };
        let backstage = matches!(&body, Body::Call(call) if call.backstage);
        let event = event(if backstage { "stage" } else { name }, pid, aside, body);
        self.presenter.show(&event).map_err(Error::Output)
    }
}
