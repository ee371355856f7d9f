//! Questions: one TOML file a chapter, a form in the page. `theme/questions.js` checks the answers there and
//! then; without scripts they can be unfolded.
//!
//! ```toml
//! [[question]]
//! ask = "What does `getpid()` return inside?"
//! explain = "A namespace numbers from 1."
//! choices = [
//!     { text = "1", right = true },
//!     { text = "0", why = "0 is nobody." },
//! ]
//!
//! [[question]]
//! ask = "Which errno?"
//! explain = "There is nobody of that number."
//! answers = ["ESRCH"]
//! mistakes = [{ answer = "EPERM", why = "That would mean that somebody is there." }]
//! ```

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use mdbook_preprocessor::errors::Error;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde::Deserialize;

use super::preprocessor::Shelf;
use crate::present::html::escape;

/// Fewer are no test of understanding.
const AT_LEAST: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    question: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    ask: String,
    /// Shown with the right answer.
    explain: String,
    #[serde(default)]
    choices: Vec<Choice>,
    /// Accepted answers to a question without choices; the first one is shown.
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    mistakes: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    text: String,
    #[serde(default)]
    right: bool,
    /// What is wrong about it.
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    answer: String,
    why: String,
}

/// The questions of a chapter as forms.
pub(super) fn html(shelf: &Shelf, name: &str) -> Result<String> {
    let path = format!("questions/{name}.toml");
    let file: File = toml::from_str(&shelf.beside_chapters(&path)?)
        .map_err(|error| Error::msg(error.to_string()))
        .with_context(|| path.clone())?;
    ensure!(file.question.len() >= AT_LEAST, "{path} has fewer than {AT_LEAST} questions");
    let mut out = String::new();
    for (index, question) in file.question.iter().enumerate() {
        let number = index + 1;
        question.makes_sense().with_context(|| format!("{path}, question {number}"))?;
        question.write(&mut out, &format!("question-{name}-{number}"), number)?;
    }
    Ok(out)
}

impl Question {
    fn makes_sense(&self) -> Result<()> {
        let right = self.choices.iter().filter(|choice| choice.right).count();
        if self.choices.is_empty() {
            ensure!(!self.answers.is_empty(), "it has neither choices nor answers");
        } else {
            ensure!(self.answers.is_empty() && self.mistakes.is_empty(), "it has choices and answers");
            ensure!(right == 1, "{right} of its choices are right, and one should be");
        }
        let unexplained = self.choices.iter().find(|choice| !choice.right && choice.why.is_empty());
        ensure!(unexplained.is_none(), "a wrong choice says nothing about why it is wrong");
        Ok(())
    }

    fn right_answer(&self) -> &str {
        let chosen = self.choices.iter().find(|choice| choice.right).map(|choice| choice.text.as_str());
        chosen.or(self.answers.first().map(String::as_str)).unwrap_or_default()
    }

    fn write(&self, out: &mut String, id: &str, number: usize) -> Result<()> {
        let (ask, explain) = (inline(&self.ask), inline(&self.explain));
        writeln!(out, "<form class=\"gb-question\" id=\"{id}\" data-explain=\"{}\">", escape(&explain))?;
        writeln!(out, "<fieldset>\n<legend>{number}. {ask}</legend>")?;
        for (index, choice) in self.choices.iter().enumerate() {
            let (text, why) = (inline(&choice.text), escape(&inline(&choice.why)));
            let verdict = if choice.right { "data-right".into() } else { format!("data-why=\"{why}\"") };
            writeln!(
                out,
                "<label><input type=\"radio\" name=\"{id}\" value=\"{index}\" {verdict} /> <span>{text}</span></label>"
            )?;
        }
        if self.choices.is_empty() {
            let answers = escape(&serde_json::to_string(&self.answers)?);
            let mistakes: Vec<[String; 2]> =
                self.mistakes.iter().map(|mistake| [mistake.answer.clone(), inline(&mistake.why)]).collect();
            let mistakes = escape(&serde_json::to_string(&mistakes)?);
            writeln!(
                out,
                "<label class=\"gb-short\">Your answer <input type=\"text\" name=\"{id}\" autocomplete=\"off\" \
                 spellcheck=\"false\" data-answers=\"{answers}\" data-mistakes=\"{mistakes}\" /></label>"
            )?;
        }
        writeln!(out, "<button type=\"submit\">Check</button>\n</fieldset>")?;
        writeln!(out, "<output class=\"gb-verdict\" for=\"{id}\" aria-live=\"polite\"></output>")?;
        let answer = inline(self.right_answer());
        writeln!(
            out,
            "<details><summary>Show the answer</summary><p><strong>{answer}</strong>. {explain}</p></details>"
        )?;
        writeln!(out, "</form>\n")?;
        Ok(())
    }
}

/// Markdown inside of a line: code and emphasis, without the paragraph around it.
fn inline(text: &str) -> String {
    let outside =
        |event: &Event| matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph));
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, Parser::new(text).filter(|event| !outside(event)));
    html.trim().to_string()
}
