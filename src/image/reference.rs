//! What images are called: `web`, `team/web:1.2`, `registry.example:5000/team/web@sha256:…`.
//! <https://github.com/distribution/reference>

use std::fmt;

use super::digest::Digest;
use super::error::{Error, Result};

/// Where names without a registry belong.
const DOCKER: &str = "docker.io";
/// Where names of one word belong there.
const LIBRARY: &str = "library/";
/// Where podman and buildah put what was made on this machine.
pub(super) const LOCAL: &str = "localhost";

/// A name with everything that may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// From what a person or another tool writes.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |why| Error::Name { given: text.chars().take(80).collect(), why };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(Digest::parse(digest).map_err(|_| fault("its digest is none"))?))
            }
            None => (text, None),
        };
        // A colon before the last slash is the port of a registry.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(fault("a tag has up to 128 letters, digits, '_', '.' and '-'"));
        }
        let (domain, path) = match name.split_once('/') {
            Some((domain, path)) if domain.contains(['.', ':']) || domain == LOCAL => (domain, path),
            _ => (DOCKER, name),
        };
        let domain = if domain == "index.docker.io" { DOCKER } else { domain };
        let is_part = |part: &str| {
            let ends = |sign: Option<char>| {
                sign.is_some_and(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit())
            };
            ends(part.chars().next()) && ends(part.chars().last()) && part.bytes().all(is_of_name)
        };
        if name.len() > 255 || !path.split('/').all(is_part) {
            return Err(fault("it has to be of small letters, digits, and '.', '_', '-', '/' between them"));
        }
        let is_host = domain.starts_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '[');
        if !is_host || !domain.bytes().all(|sign| sign.is_ascii_alphanumeric() || b".-:[]".contains(&sign)) {
            return Err(fault("before the first slash there is no host"));
        }
        let library = if domain == DOCKER && !path.contains('/') { LIBRARY } else { "" };
        Ok(Self {
            domain: domain.into(),
            path: format!("{library}{path}"),
            tag: tag.map(String::from),
            digest,
        })
    }

    /// The whole name with its tag, which is `latest` if there is neither another one nor a digest.
    pub fn full(&self) -> String {
        format!("{}/{}:{}", self.domain, self.path, self.tag())
    }

    /// Its tag.
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// The digest in it, of a manifest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether it has a digest and no tag: then any name of that image will do.
    pub(super) fn is_by_digest_alone(&self) -> bool {
        self.digest.is_some() && self.tag.is_none()
    }

    /// The name without tag, as people write it: `web`, not `docker.io/library/web`.
    pub fn repository(&self) -> String {
        match self.path.strip_prefix(LIBRARY) {
            Some(path) if self.domain == DOCKER => path.into(),
            _ if self.domain == DOCKER => self.path.clone(),
            _ => format!("{}/{}", self.domain, self.path),
        }
    }

    /// What else it may mean: what was made on this machine.
    pub(super) fn local(&self) -> Option<Self> {
        let path = self.path.strip_prefix(LIBRARY).filter(|_| self.domain == DOCKER)?;
        Some(Self { domain: LOCAL.into(), path: path.into(), ..self.clone() })
    }
}

/// As people write it, with its tag.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.repository(), self.tag())
    }
}

fn is_of_name(sign: u8) -> bool {
    sign.is_ascii_lowercase() || sign.is_ascii_digit() || b"._-".contains(&sign)
}

pub(super) fn is_tag(tag: &str) -> bool {
    let word = |sign: u8| sign.is_ascii_alphanumeric() || sign == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|sign| word(sign) || b".-".contains(&sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in() -> Result<()> {
        let cases = [
            ("web", "docker.io/library/web:latest", "web:latest"),
            ("team/web:1.2", "docker.io/team/web:1.2", "team/web:1.2"),
            ("docker.io/library/web", "docker.io/library/web:latest", "web:latest"),
            ("docker.io/web", "docker.io/library/web:latest", "web:latest"),
            ("localhost/web", "localhost/web:latest", "localhost/web:latest"),
            ("host:5000/web", "host:5000/web:latest", "host:5000/web:latest"),
            ("r.example/a/b/c:T_1", "r.example/a/b/c:T_1", "r.example/a/b/c:T_1"),
        ];
        for (given, full, short) in cases {
            let name = Reference::parse(given)?;
            assert_eq!((name.full().as_str(), name.to_string().as_str()), (full, short), "{given}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(300);
        for given in
            ["", "Web", "a//b", "/web", "web:", "web:a b", "../web", "web/", "-web", "web@md5:0", &long]
        {
            assert!(Reference::parse(given).is_err(), "{given}");
        }
    }
}
