//! What a check saw, claim by claim.

use crate::probe::process::running;

/// A claim about the student's work.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Item {
    /// The claim.
    pub claim: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
    /// Where it was read.
    pub source: String,
    /// The mistake, by name, when it is a known one.
    pub mistake: Option<String>,
    /// Three hints for this claim, from a nudge to the way itself.
    #[serde(skip)]
    pub hints: [String; 3],
}

impl Item {
    /// Name the mistake.
    pub fn mistake(&mut self, text: impl Into<String>) -> &mut Self {
        if !self.passed {
            self.mistake = Some(text.into());
        }
        self
    }

    /// Three hints, from a nudge to the way itself.
    pub fn hints(&mut self, hints: [impl Into<String>; 3]) -> &mut Self {
        self.hints = hints.map(Into::into);
        self
    }
}

/// A check that is going on.
#[derive(Debug, Default)]
pub struct Exam {
    /// The answer to the question, if one was given.
    pub answer: Option<String>,
    items: Vec<Item>,
}

impl Exam {
    /// With the answer to the question, if one was given.
    pub fn new(answer: Option<String>) -> Self {
        Self { answer, items: vec![] }
    }

    /// Make a claim about the student's work.
    pub fn claim(
        &mut self,
        claim: impl Into<String>,
        holds: bool,
        seen: impl Into<String>,
        source: impl Into<String>,
    ) -> &mut Item {
        let at = self.items.len();
        self.items.push(Item {
            claim: claim.into(),
            passed: holds,
            seen: seen.into(),
            source: source.into(),
            mistake: None,
            hints: Default::default(),
        });
        &mut self.items[at]
    }

    /// Claim that a program which the student has to leave running is there. Its process, if so.
    pub fn running(&mut self, command: &str, hints: [impl Into<String>; 3]) -> Option<u64> {
        let found = running(command);
        let seen = found.map_or("no such process".into(), |pid| format!("process {pid}"));
        self.claim(format!("`{command}` is running"), found.is_some(), seen, "/proc/*/cmdline")
            .mistake("start it, and leave it running in another terminal or with & at the end")
            .hints(hints);
        found
    }

    /// The claims so far.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether all of them hold, and there is at least one.
    pub fn passed(&self) -> bool {
        !self.items.is_empty() && self.items.iter().all(|item| item.passed)
    }

    /// The first that does not hold.
    pub fn first_failure(&self) -> Option<&Item> {
        self.items.iter().find(|item| !item.passed)
    }
}
