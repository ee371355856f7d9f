//! Words of a Dockerfile: divided at blanks, with variables put in and quotes taken away.
//! <https://docs.docker.com/reference/dockerfile/#environment-replacement>

use super::fault;
use crate::image::error::{Error, Result};

/// What is known when a line is reached.
pub(super) trait Variables {
    /// The value of a variable, if it has one.
    fn value(&self, name: &str) -> Option<&str>;
}

/// Divide a text into words at blanks outside of quotes. Quotes stay.
pub(super) fn split(text: &str, escape: char) -> Result<Vec<String>> {
    let (mut words, mut word) = (vec![], String::new());
    let mut quote = None;
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match quote {
            None if sign.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if sign == '"' || sign == '\'' => quote = Some(sign),
            Some(open) if sign == open => quote = None,
            _ => {}
        }
        word.push(sign);
        if sign == escape && quote != Some('\'') {
            word.extend(signs.next());
        }
    }
    if let Some(quote) = quote {
        let hint = format!("end it with another {quote}, or write {escape}{quote} if it is meant itself");
        return Err(fault(format!("there is no end of what begins with {quote}"), hint));
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    Ok(words)
}

/// A word with its variables put in, and without its quotes.
pub(super) fn expand(word: &str, escape: char, variables: &dyn Variables) -> Result<String> {
    let mut expander = Expander { rest: word, escape, variables };
    expander.until(None)
}

struct Expander<'a> {
    rest: &'a str,
    escape: char,
    variables: &'a dyn Variables,
}

impl Expander<'_> {
    fn next(&mut self) -> Option<char> {
        let sign = self.rest.chars().next()?;
        self.rest = &self.rest[sign.len_utf8()..];
        Some(sign)
    }

    /// Everything up to a sign, which is taken too; without one, up to the end.
    fn until(&mut self, end: Option<char>) -> Result<String> {
        let mut text = String::new();
        while let Some(sign) = self.next() {
            match sign {
                sign if Some(sign) == end => return Ok(text),
                '\'' => {
                    let (quoted, rest) = self.rest.split_once('\'').ok_or_else(|| unended('\''))?;
                    text.push_str(quoted);
                    self.rest = rest;
                }
                '"' => text.push_str(&self.quoted()?),
                '$' => text.push_str(&self.variable()?),
                sign if sign == self.escape => text.extend(self.next()),
                sign => text.push(sign),
            }
        }
        if end.is_some() { Err(unended('{')) } else { Ok(text) }
    }

    /// What is between double quotes, the first of which has been taken.
    fn quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        while let Some(sign) = self.next() {
            match sign {
                '"' => return Ok(text),
                '$' => text.push_str(&self.variable()?),
                sign if sign == self.escape => match self.next() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => text.push(next),
                    Some(next) => text.extend([sign, next]),
                    None => {}
                },
                sign => text.push(sign),
            }
        }
        Err(unended('"'))
    }

    /// The value of what is named behind a `$`.
    fn variable(&mut self) -> Result<String> {
        if !self.rest.starts_with('{') {
            let name = self.name();
            let value = self.variables.value(&name).unwrap_or_default();
            // A `$` before anything else is itself.
            return Ok(if name.is_empty() { "$".into() } else { value.into() });
        }
        self.next();
        let name = self.name();
        if name.is_empty() {
            return Err(fault(
                "there is no name of a variable behind ${",
                "write ${NAME}, or \\$ for the sign",
            ));
        }
        let value = self.variables.value(&name).map(String::from);
        let empty_counts = !self.rest.starts_with(':');
        if !empty_counts {
            self.next();
        }
        let is_set = value.as_ref().is_some_and(|value| empty_counts || !value.is_empty());
        match self.next() {
            Some('}') if empty_counts => Ok(value.unwrap_or_default()),
            Some('-') => {
                let instead = self.until(Some('}'))?;
                Ok(value.filter(|_| is_set).unwrap_or(instead))
            }
            Some('+') => {
                let instead = self.until(Some('}'))?;
                Ok(if is_set { instead } else { String::new() })
            }
            Some('?') => {
                let why = self.until(Some('}'))?;
                let hint = format!("give it a value: ARG {name}=… or ENV {name}=…");
                value.filter(|_| is_set).ok_or_else(|| fault(format!("${name} has no value: {why}"), hint))
            }
            None => Err(unended('{')),
            Some(sign) => Err(fault(
                format!("${{{name}{sign}…}} is not known"),
                "${NAME}, ${NAME:-otherwise}, ${NAME:+instead} and ${NAME:?why} are",
            )),
        }
    }

    fn name(&mut self) -> String {
        let is_of_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let mut length = self.rest.find(|sign| !is_of_name(sign)).unwrap_or(self.rest.len());
        if self.rest.starts_with(|sign: char| sign.is_ascii_digit()) {
            length = 1;
        }
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name.into()
    }
}

fn unended(sign: char) -> Error {
    fault(format!("there is no end of what begins with {sign}"), "close it, or write \\ before it")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Variables for Two {
        fn value(&self, name: &str) -> Option<&str> {
            [("A", "a b"), ("EMPTY", "")].iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
        }
    }

    #[test]
    fn variables_are_put_in() -> Result<()> {
        let cases = [
            ("$A-${A}x", "a b-a bx"),
            ("'$A' \"$A\" \\$A", "$A a b $A"),
            ("${B:-x$A}${B-y}${EMPTY:-z}${EMPTY-w}", "xa byz"),
            ("${A:+set}${B:+no}${EMPTY:+no}${EMPTY+yes}", "setyes"),
            ("${B:-'}'}", "}"),
            ("\"\\n\\\"\" $ $$", "\\n\" $ $$"),
            ("$B|$1A", "|A"),
        ];
        for (word, expected) in cases {
            assert_eq!(expand(word, '\\', &Two)?, expected, "{word}");
        }
        for wrong in ["${A", "${}", "${A%x}", "'a", "\"a", "${B:?none}", "${A:}"] {
            assert!(expand(wrong, '\\', &Two).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn blanks_in_quotes_do_not_divide() -> Result<()> {
        assert_eq!(split("a=\"b c\"  d\\ e 'f g'", '\\')?, ["a=\"b c\"", "d\\ e", "'f g'"]);
        assert_eq!(split("", '\\')?, [""; 0]);
        assert!(split("a \"b", '\\').is_err());
        Ok(())
    }
}
