//! Archives made by hand, byte by byte: right ones, and ones that no tool would write.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const BLOCK: usize = 512;

/// A tar archive that is being written.
#[derive(Default, Clone)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

/// A header; what is not said is as usual.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a> {
    pub(crate) path: &'a str,
    pub(crate) link: &'a str,
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) owner: u64,
    pub(crate) size: u64,
    pub(crate) device: (u64, u64),
}

impl<'a> Header<'a> {
    pub(crate) fn new(kind: u8, path: &'a str) -> Self {
        let mode = if kind == b'5' { 0o755 } else { 0o644 };
        Self { path, link: "", kind, mode, owner: 0, size: 0, device: (0, 0) }
    }

    fn bytes(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, self.path.as_bytes());
        put(157, self.link.as_bytes());
        put(257, b"ustar\x0000");
        put(100, format!("{:07o}\0", self.mode).as_bytes());
        put(108, &number(self.owner, 8));
        put(116, &number(self.owner, 8));
        put(124, &number(self.size, 12));
        put(136, &number(1_700_000_000, 12));
        put(329, &number(self.device.0, 8));
        put(337, &number(self.device.1, 8));
        block[156] = self.kind;
        seal(&mut block);
        block
    }
}

/// In octal digits, or in binary where these do not suffice.
fn number(value: u64, length: usize) -> Vec<u8> {
    let digits = format!("{value:0width$o}\0", width = length - 1);
    if digits.len() <= length {
        return digits.into_bytes();
    }
    let mut bytes = vec![0; length - 8];
    bytes.extend(value.to_be_bytes());
    bytes[0] |= 0x80;
    bytes
}

pub(crate) fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

impl Tar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn entry(mut self, header: Header, content: &[u8]) -> Self {
        self.0.extend(header.bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(Header { size: content.len() as u64, ..Header::new(b'0', path) }, content)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.entry(Header::new(b'5', path), b"")
    }

    pub(crate) fn symlink(self, path: &str, link: &str) -> Self {
        self.entry(Header { link, ..Header::new(b'2', path) }, b"")
    }

    pub(crate) fn hard_link(self, path: &str, link: &str) -> Self {
        self.entry(Header { link, ..Header::new(b'1', path) }, b"")
    }

    /// A pax header for the next entry.
    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = vec![];
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let length = (rest + 1..).find(|length| length.to_string().len() + rest == *length).unwrap();
            content.extend(format!("{length} {key}=").bytes());
            content.extend(*value);
            content.push(b'\n');
        }
        self.entry(Header { size: content.len() as u64, ..Header::new(b'x', "pax") }, &content)
    }

    /// As it is, with its end.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image: its layers as they are in the archive, and before compression.
pub(crate) struct Parts {
    pub(crate) layers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) config: Value,
}

impl Parts {
    pub(crate) fn plain(layers: &[Vec<u8>]) -> Self {
        Self::of(layers.iter().map(|layer| (layer.clone(), layer.clone())).collect())
    }

    pub(crate) fn of(layers: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|(_, tar)| sha256(tar)).collect();
        let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
        let config = json!({"architecture": "any", "os": "linux", "config": {}, "rootfs": rootfs});
        Self { layers, config }
    }

    pub(crate) fn descriptor(bytes: &[u8]) -> Value {
        json!({"mediaType": "x", "digest": sha256(bytes), "size": bytes.len()})
    }

    pub(crate) fn manifest(&self) -> Value {
        let layers: Vec<Value> = self.layers.iter().map(|(blob, _)| Self::descriptor(blob)).collect();
        let config = Self::descriptor(self.config.to_string().as_bytes());
        json!({"schemaVersion": 2, "config": config, "layers": layers})
    }

    /// The files of an OCI layout.
    pub(crate) fn files(&self, name: &str) -> Vec<(String, Vec<u8>)> {
        let (config, manifest) =
            (self.config.to_string().into_bytes(), self.manifest().to_string().into_bytes());
        let mut descriptor = Self::descriptor(&manifest);
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        let blob = |bytes: &[u8]| (format!("blobs/{}", sha256(bytes).replace(':', "/")), bytes.to_vec());
        let mut files = vec![
            ("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".into(), index.to_string().into_bytes()),
            blob(&manifest),
            blob(&config),
        ];
        files.extend(self.layers.iter().map(|(layer, _)| blob(layer)));
        files
    }

    /// An OCI archive.
    pub(crate) fn oci(&self, name: &str) -> Vec<u8> {
        pack(&self.files(name))
    }

    /// A docker-archive.
    pub(crate) fn docker(&self, name: &str) -> Vec<u8> {
        let config = self.config.to_string().into_bytes();
        let file = format!("{}.json", sha256(&config).trim_start_matches("sha256:"));
        let layers: Vec<String> = (0..self.layers.len()).map(|at| format!("{at}/layer.tar")).collect();
        let manifest = json!([{"Config": file, "RepoTags": [name], "Layers": layers}]);
        let mut files: Vec<(String, Vec<u8>)> = vec![(file, config)];
        files.extend(layers.into_iter().zip(self.layers.iter().map(|(layer, _)| layer.clone())));
        files.push(("manifest.json".into(), manifest.to_string().into_bytes()));
        pack(&files)
    }
}

pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().fold(Tar::new(), |tar, (path, content)| tar.file(path, content)).end()
}
