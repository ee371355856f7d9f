//! What `docker save` writes: `manifest.json` names a configuration and the archives of layers, by path.
//! <https://github.com/moby/moby/blob/master/image/spec/v1.2.md>

use serde::Deserialize;

use super::source::Source;
use super::{Descriptor, Digest, Error, Found, LAYER, Reference, Result, manifest};

/// An image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Every image in it.
pub(super) fn images(source: &mut Source) -> Result<Vec<Found>> {
    let entries: Vec<Entry> = manifest::parse("its manifest.json", &source.json("manifest.json")?)?;
    entries.into_iter().map(|entry| image(source, &entry)).collect()
}

fn image(source: &mut Source, entry: &Entry) -> Result<Found> {
    let names = entry.repo_tags.iter().flatten().map(|name| Reference::parse(name)).collect::<Result<_>>()?;
    let config = source.json(&entry.config)?;
    // The configuration's name is its digest, in most archives.
    let stem = entry.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if let Ok(named) = Digest::parse(&format!("sha256:{stem}"))
        && named != Digest::of(&config)
    {
        let got = Digest::of(&config);
        return Err(Error::Damaged(format!(
            "its configuration should have the digest {named}, and has {got}"
        )));
    }
    let mut layers = vec![];
    for path in entry.layers.iter().flatten() {
        let member = source.member(path)?;
        let (media_type, digest) = (LAYER.into(), member.digest.clone());
        let descriptor =
            Descriptor { media_type, digest, size: member.size, annotations: None, platform: None };
        layers.push((descriptor, member));
    }
    Ok(Found { names, manifest: None, config, layers })
}
