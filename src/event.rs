//! What a lesson produces: a stream of events, plain data. Everything that anybody ever sees of a
//! lesson, in the terminal, in a pipe, in a test or in the book, is made from these and nothing else.

use serde::{Deserialize, Serialize};

/// The version of the stream's shape; it rises when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// One event, and who it is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`SCHEMA_VERSION`].
    pub v: u32,
    /// The lane: which of the lesson's processes speaks. `stage` is the engine, setting up.
    pub lane: String,
    /// The pid of that process as the host sees it.
    pub pid: i32,
    /// Part of what not every machine can do: another one may say something else here, or nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What an event says. Fields are described by name in the book's chapter on the stream.
#[allow(missing_docs, reason = "the variants say it, and the book's chapter on the stream lists every field")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Body {
    /// A lesson begins.
    Lesson { id: String, title: String, minutes: u32, steps: usize },
    /// The speaker is about to make a process, which will be this lane.
    Lane { name: String },
    /// A step begins; the first one is 1.
    Step { number: usize, title: String },
    /// Narration.
    Say { text: String },
    /// A question that the kernel is going to answer.
    Predict { question: String, choices: Vec<String> },
    /// The kernel's answer to it. `predicted` is what the learner chose, if anything.
    Reveal { question: String, observed: String, predicted: Option<String>, why: String },
    /// A system call or kernel file write that was made.
    Call(Call),
    /// Kernel state in two columns: before and after, or host and container.
    State { title: String, columns: [String; 2], rows: Vec<Row> },
    /// A claim, held against what the kernel shows.
    Check(Check),
    /// A figure that was measured, different every time.
    Measure { what: String, value: String, source: String },
    /// An amount that is moving; each one replaces the one before with the same label.
    Gauge { label: String, value: u64, max: u64, unit: String },
    /// Amounts of one kind that were measured, to be compared.
    Chart { title: String, unit: String, source: String, bars: Vec<Bar> },
    /// What a program wrote.
    Output { program: String, text: String },
    /// A command for a second terminal, with the pids and paths of this very run.
    TryIt { command: String, shows: String },
    /// More depth, and where it is written.
    Why { text: String, sources: Vec<Source> },
    /// The lesson waits; what is said to be there can be looked at.
    Pause { number: usize, reason: String },
    /// A part that cannot run here.
    Skip { what: String, why: String, hint: String },
    /// The lesson could not go on.
    Failed { error: String, hint: String },
    /// The lesson is over.
    Finish { passed: usize, failed: usize, skipped: usize },
}

/// A call, as the kernel function recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The name in the manual page.
    pub name: String,
    /// The arguments as `strace` writes them.
    pub args: String,
    /// What it returned; `-1` when it was refused.
    pub result: String,
    /// The name of errno, when it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<String>,
    /// How long it took.
    pub micros: u64,
    /// Part of setting up or clearing away, not of what the lesson is about.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backstage: bool,
    /// One of a number of calls that depends on the machine: a path or a capability that not all have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub varies: bool,
}

/// A row of kernel state. `None` is for what is not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub what: String,
    /// Where it was read.
    pub source: String,
    /// In the first column: what it was.
    pub before: Option<String>,
    /// In the second column: what it is now.
    pub after: Option<String>,
    /// What that means.
    pub note: String,
    /// What it is called on machines of another kind: `version 1: memory.limit_in_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
    /// Whether another run can see something else in the first column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before_varies: bool,
    /// And in the second.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_varies: bool,
}

/// A claim and its proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The claim, a sentence.
    pub claim: String,
    /// What it says should be seen.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Where it was read.
    pub source: String,
    /// Whether the claim holds.
    pub passed: bool,
    /// Whether what was seen differs from run to run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub varies: bool,
}

/// One of the amounts of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Of what.
    pub what: String,
    /// How much; `None` where what no two runs have in common is left out.
    pub value: Option<f64>,
}

/// Where something is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// `pid_namespaces(7)`, or the title of a kernel document.
    pub name: String,
    /// Its address.
    pub url: String,
}

/// A manual page.
pub fn man(name: &str, section: u8) -> Source {
    Source {
        name: format!("{name}({section})"),
        url: format!("https://man7.org/linux/man-pages/man{section}/{name}.{section}.html"),
    }
}

/// A document of the kernel's own.
pub fn kernel_doc(title: &str, path: &str) -> Source {
    Source { name: title.into(), url: format!("https://docs.kernel.org/{path}.html") }
}
