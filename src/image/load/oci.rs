//! An OCI layout: `index.json` names manifests, manifests name a configuration and layers, all by digest.
//! <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use super::source::Source;
use super::{Error, Found, Reference, Result, manifest};
use crate::image::manifest::{Descriptor, FULL_NAME, Index, Manifest, REF_NAME};
use crate::image::reference::is_tag;
use crate::kernel::arch;

/// Every image that it names. Where an image is there for several processors, the one for this machine's.
pub(super) fn images(source: &mut Source, stem: &str) -> Result<Vec<Found>> {
    if !source.has("oci-layout") {
        return Err(Error::Damaged("there is an index.json in it, and no oci-layout".into()));
    }
    let index: Index = manifest::parse("its index.json", &source.json("index.json")?)?;
    let mut found: Vec<(Descriptor, Found)> = vec![];
    for entry in &index.manifests {
        let names: Vec<_> = name(entry, stem).into_iter().collect();
        let descriptor = for_this_machine(source, entry, 0)?;
        match found.iter_mut().find(|(other, _)| other.digest == descriptor.digest) {
            Some((_, image)) => image.names.extend(names),
            None => {
                let image = read(source, &descriptor, names)?;
                found.push((descriptor, image));
            }
        }
    }
    Ok(found.into_iter().map(|(_, image)| image).collect())
}

fn read(source: &mut Source, descriptor: &Descriptor, names: Vec<Reference>) -> Result<Found> {
    let bytes = source.json_blob(descriptor)?;
    let manifest: Manifest = manifest::parse("its manifest", &bytes)?;
    let config = source.json_blob(&manifest.config)?;
    let layers = manifest.layers.into_iter().map(|layer| Ok((layer.clone(), source.blob(&layer)?)));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    let descriptor = Descriptor { annotations: None, platform: None, ..descriptor.clone() };
    Ok(Found { names, manifest: Some((descriptor, bytes)), config, layers })
}

/// The manifest itself, or out of a list the one for this machine.
fn for_this_machine(source: &mut Source, entry: &Descriptor, depth: u32) -> Result<Descriptor> {
    if !entry.is_index() {
        return Ok(entry.clone());
    }
    if depth > 3 {
        return Err(Error::Hostile("its index names an index that names an index, and so on".into()));
    }
    let index: Index = manifest::parse("an index in it", &source.json_blob(entry)?)?;
    let here = arch::HERE.name_in_images();
    let fits = |descriptor: &&Descriptor| {
        descriptor
            .platform
            .as_ref()
            .is_none_or(|platform| platform.os == "linux" && platform.architecture == here)
    };
    match index.manifests.iter().find(fits) {
        Some(descriptor) => for_this_machine(source, descriptor, depth + 1),
        None => Err(Error::Unsupported(format!("it has no image for linux on {here}"))),
    }
}

/// What it is called. Some write the whole name, some a tag alone, and some nothing.
fn name(entry: &Descriptor, stem: &str) -> Option<Reference> {
    if let Some(name) = entry.annotation(FULL_NAME).and_then(|name| Reference::parse(name).ok()) {
        return Some(name);
    }
    let text = entry.annotation(REF_NAME)?;
    if is_tag(text) {
        return Reference::parse(&format!("{stem}:{text}")).ok();
    }
    Reference::parse(text).ok()
}
