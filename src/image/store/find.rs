//! Which image a person means.

use super::manifest::{self, Descriptor, Index, Manifest};
use super::{Digest, Error, Reference, Result, Store, full_name};

impl Store {
    /// By its name, then by the beginning of its number, as docker looks for it.
    pub(super) fn find(&self, index: &Index, given: &str) -> Result<Descriptor> {
        let name = Reference::parse(given);
        let named = |name: &Reference| {
            let is_meant = |descriptor: &&Descriptor| {
                let by_name = || full_name(descriptor) == Some(name.full().as_str());
                let by_digest = || name.digest().is_none_or(|digest| descriptor.digest == *digest);
                if name.is_by_digest_alone() { by_digest() } else { by_name() && by_digest() }
            };
            index.manifests.iter().find(is_meant).cloned()
        };
        if let Ok(name) = &name
            && let Some(found) = named(name).or_else(|| named(&name.local()?))
        {
            return Ok(found);
        }
        if let Some(found) = self.by_number(index, given)? {
            return Ok(found);
        }
        // A number is no fault of spelling.
        match name {
            Err(error) if !given.starts_with("sha256:") => Err(error),
            _ => Err(Error::Unknown(given.into())),
        }
    }

    fn by_number(&self, index: &Index, given: &str) -> Result<Option<Descriptor>> {
        let digits = given.strip_prefix("sha256:").unwrap_or(given);
        if digits.is_empty() || !digits.bytes().all(|sign| sign.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let mut found: Vec<(Digest, &Descriptor)> = vec![];
        for descriptor in &index.manifests {
            let manifest: Manifest = manifest::parse("a manifest", &self.read_blob(&descriptor.digest)?)?;
            let id = manifest.config.digest;
            if id.hex().starts_with(digits) && !found.iter().any(|(other, _)| *other == id) {
                found.push((id, descriptor));
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [(_, descriptor)] => Ok(Some((*descriptor).clone())),
            several => Err(Error::Ambiguous { given: given.into(), count: several.len() }),
        }
    }
}
