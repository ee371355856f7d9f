//! Predictions: what the learner expects, held against what the kernel then shows.

use super::channel::{Answer, Message};
use super::{Error, Result, Stage};
use crate::event::Body;

/// What the learner predicted; the kernel has not answered yet.
#[must_use = "a prediction has to be held against what the kernel shows"]
pub struct Prediction {
    question: String,
    choices: Vec<String>,
    chosen: Option<usize>,
}

impl Stage {
    /// Ask the learner what the kernel is going to answer.
    pub fn predict(&self, question: &str, choices: &[&str]) -> Prediction {
        let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        let message = Message::Predict { question: question.into(), choices: choices.clone() };
        let chosen = match self.ask(&message, None) {
            Answer::Choice(chosen) => chosen,
            _ => None,
        };
        Prediction { question: question.into(), choices, chosen }
    }

    /// Show which of the choices the kernel made true, and why.
    ///
    /// `observed` is worked out from what was read; that it is one of the choices is checked here.
    pub fn reveal(&self, prediction: Prediction, observed: &str, why: &str) -> Result<()> {
        let Prediction { question, choices, chosen } = prediction;
        if !choices.iter().any(|choice| choice == observed) {
            return Err(Error::Lesson(format!(
                "the kernel answered {observed:?}, which no choice of {question:?} foresaw"
            )));
        }
        let predicted = chosen.and_then(|index| choices.get(index).cloned());
        self.show(Body::Reveal { question, observed: observed.into(), predicted, why: super::reflow(why) });
        Ok(())
    }
}
