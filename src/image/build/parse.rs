//! A line of a Dockerfile is understood, or refused by name.
//! <https://docs.docker.com/reference/dockerfile/>

use super::fault;
use super::instruction::{Command, Copy, Instruction};
use super::words::split;
use crate::image::error::{Error, Result};

const KNOWN: [&str; 12] =
    ["FROM", "RUN", "CMD", "ENTRYPOINT", "COPY", "ADD", "ENV", "LABEL", "ARG", "WORKDIR", "USER", "EXPOSE"];
/// Those that docker has beside them.
const UNSUPPORTED: [&str; 6] = ["HEALTHCHECK", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "VOLUME"];

impl Instruction {
    /// What a line says.
    pub(super) fn parse(line: &str, escape: char) -> Result<Self> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (upper, rest) = (name.to_uppercase(), rest.trim());
        let name = upper.as_str();
        if !KNOWN.contains(&name) {
            return Err(unknown(&upper));
        }
        if rest.is_empty() {
            return Err(fault(format!("{name} wants something behind it"), example(name)));
        }
        if rest.contains("<<") && ["RUN", "COPY", "ADD"].contains(&name) && is_heredoc(rest) {
            return Err(fault(
                format!("{name} with <<, lines up to an end mark, is not supported"),
                format!("join lines with {escape}, or put them into a file"),
            ));
        }
        let words = || split(rest, escape);
        Ok(match name {
            "FROM" => from(&words()?)?,
            "RUN" => Self::Run(command(without_flags(name, rest)?)),
            "CMD" => Self::Cmd(command(rest)),
            "ENTRYPOINT" => Self::Entrypoint(command(rest)),
            "COPY" => Self::Copy(copy(name, rest, escape)?),
            "ADD" => Self::Copy(Copy { unpacks: true, ..copy(name, rest, escape)? }),
            "ENV" => Self::Env(pairs(name, rest, escape)?),
            "LABEL" => Self::Label(pairs(name, rest, escape)?),
            "ARG" => Self::Arg(words()?.iter().map(|word| argument(word)).collect::<Result<_>>()?),
            "WORKDIR" => Self::Workdir(rest.into()),
            "USER" => Self::User(rest.into()),
            _ => Self::Expose(words()?),
        })
    }
}

/// Either JSON, or words for the shell.
fn command(text: &str) -> Command {
    list(text).map_or_else(|| Command::Shell(text.into()), Command::Exec)
}

/// The strings of a list in JSON, if the text is one.
fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok().filter(|_| text.starts_with('['))
}

fn unknown(name: &str) -> Error {
    if UNSUPPORTED.contains(&name) {
        let hint = format!("leave it out: {} are", KNOWN.join(", "));
        return fault(format!("the instruction {name} is not supported"), hint);
    }
    let nearest = |known: &&&str| (strsim::jaro_winkler(name, known) * 1000.0) as u32;
    let hint = match KNOWN.iter().max_by_key(nearest) {
        Some(known) if nearest(&known) >= 700 => format!("did you mean {known}?"),
        _ => format!("there are {}", KNOWN.join(", ")),
    };
    fault(format!("there is no instruction {name:.40}"), hint)
}

fn example(name: &str) -> &'static str {
    match name {
        "FROM" => "an image, as in: FROM tiny",
        "RUN" => "a command, as in: RUN make install",
        "CMD" | "ENTRYPOINT" => "a program, as in: CMD [\"/bin/sh\", \"-l\"]",
        "COPY" | "ADD" => "what to copy, and where to, as in: COPY hello.txt /srv/",
        "ENV" | "LABEL" => "a name and its value, as in: ENV LANG=C.UTF-8",
        "ARG" => "a name, as in: ARG VERSION=1.0",
        "WORKDIR" => "a directory, as in: WORKDIR /srv",
        "USER" => "a name or a number, as in: USER nobody",
        _ => "a port, as in: EXPOSE 80/tcp",
    }
}

/// Whether a word begins with `<<` and a mark; what shells mean by `$((1 << 2))` is something else.
fn is_heredoc(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let mark = word.trim_start_matches(|sign: char| sign.is_ascii_digit()).strip_prefix("<<");
        let mark = mark.map(|mark| mark.trim_start_matches('-').trim_start_matches(['"', '\'']));
        mark.is_some_and(|mark| mark.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_'))
    })
}

fn from(words: &[String]) -> Result<Instruction> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (image, name) = match words.as_slice() {
        [flag, ..] if flag.starts_with("--") => {
            let hint = "leave it out: images are for this machine";
            return Err(fault(format!("{flag} of FROM is not supported"), hint));
        }
        [image] => (*image, None),
        [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => (*image, Some(name.to_lowercase())),
        _ => return Err(fault("FROM wants one image", "FROM tiny, or FROM tiny AS base")),
    };
    Ok(Instruction::From { image: image.into(), name })
}

/// What is behind flags, of which this instruction has none.
fn without_flags<'a>(name: &str, rest: &'a str) -> Result<&'a str> {
    match rest.split_whitespace().next() {
        Some(flag) if flag.starts_with("--") => {
            Err(fault(format!("{flag} of {name} is not supported"), "leave it out"))
        }
        _ => Ok(rest),
    }
}

fn copy(name: &str, rest: &str, escape: char) -> Result<Copy> {
    let mut copy = Copy::default();
    let mut rest = rest;
    while rest.starts_with("--") {
        let (flag, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (flag, value) = flag.split_once('=').unwrap_or((flag, ""));
        match flag {
            "--chown" if !value.is_empty() => copy.owner = Some(value.into()),
            "--chmod" if !value.is_empty() => copy.mode = Some(value.into()),
            "--from" if !value.is_empty() && name == "COPY" => copy.from = Some(value.into()),
            _ => {
                let hint = "--chown=USER:GROUP, --chmod=644, and --from=STAGE of COPY are";
                return Err(fault(format!("{flag} of {name} is not supported"), hint));
            }
        }
        rest = behind.trim_start();
    }
    let mut words = match list(rest) {
        Some(words) => words,
        None => split(rest, escape)?,
    };
    if let Some(address) = words.iter().find(|word| word.contains("://") || word.starts_with("git@")) {
        return Err(fault(
            format!("{name} of {address} is not supported"),
            "fetch it first, and copy the file",
        ));
    }
    match words.pop() {
        Some(target) if !words.is_empty() => Ok(Copy { sources: words, target, ..copy }),
        _ => Err(fault(format!("{name} wants what to copy, and where to"), example(name))),
    }
}

/// `NAME=VALUE` several times, or `NAME VALUE` once, as it was long ago.
fn pairs(name: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>> {
    let words = split(rest, escape)?;
    let fault = || fault(format!("{name} wants NAME=VALUE"), example(name));
    let first = words.first().ok_or_else(fault)?;
    if !first.contains('=') {
        let value = rest[first.len()..].trim();
        return if value.is_empty() { Err(fault()) } else { Ok(vec![(first.clone(), value.into())]) };
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err(fault()),
    };
    words.iter().map(pair).collect()
}

fn argument(word: &str) -> Result<(String, Option<String>)> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.into())),
        None => (word, None),
    };
    let is_of_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    if name.is_empty() || !name.chars().all(is_of_name) {
        return Err(fault(format!("{name:?} is no name of a variable"), example("ARG")));
    }
    Ok((name.into(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Refusal;

    fn parse(line: &str) -> Result<Instruction> {
        Instruction::parse(line, '\\')
    }

    #[test]
    fn both_forms_are_understood() -> Result<()> {
        let exec = |words: &[&str]| Command::Exec(words.iter().map(ToString::to_string).collect());
        assert_eq!(parse("run [\"a\", \"b c\"]")?, Instruction::Run(exec(&["a", "b c"])));
        assert_eq!(parse("CMD ['a']")?, Instruction::Cmd(Command::Shell("['a']".into())));
        let copied = Copy { sources: vec!["a b".into()], target: "/c/".into(), ..Copy::default() };
        assert_eq!(parse("COPY [\"a b\", \"/c/\"]")?, Instruction::Copy(copied.clone()));
        let owned = Copy { owner: Some("1:2".into()), mode: Some("600".into()), unpacks: true, ..copied };
        assert_eq!(parse("ADD --chown=1:2 --chmod=600 [\"a b\",\"/c/\"]")?, Instruction::Copy(owned));
        let pairs = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        assert_eq!(parse("ENV A=b  C=\"d e\"")?, Instruction::Env(pairs(&[("A", "b"), ("C", "\"d e\"")])));
        assert_eq!(parse("ENV A b c=d")?, Instruction::Env(pairs(&[("A", "b c=d")])));
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("FORM a", "there is no instruction FORM", "did you mean FROM?"),
            ("HEALTHCHECK NONE", "the instruction HEALTHCHECK is not supported", "leave it out"),
            ("RUN --mount=type=cache make", "--mount=type=cache of RUN is not supported", "leave it out"),
            ("RUN cat <<EOF", "RUN with <<", "join lines"),
            ("FROM --platform=x a", "--platform=x of FROM", "leave it out"),
            ("COPY a", "COPY wants what to copy", "COPY hello.txt"),
            ("ADD --from=a b c", "--from of ADD is not supported", "--chown"),
            ("ENV A", "ENV wants NAME=VALUE", "ENV LANG"),
            ("ARG a-b", "\"a-b\" is no name", "ARG VERSION"),
            ("WORKDIR", "WORKDIR wants something", "WORKDIR /srv"),
        ];
        for (line, why, hint) in cases {
            let said = parse(line)
                .map_or_else(|error| error.explained(), |_| Refusal { why: "none".into(), hint: "".into() });
            assert!(said.why.contains(why) && said.hint.contains(hint), "{line}: {said:?}");
        }
        assert!(parse("RUN echo $((1 << 2))").is_ok());
    }
}
