//! Frames of Ethernet, taken apart layer by layer.

use std::fmt;
use std::net::Ipv4Addr;

use crate::kernel;
use crate::kernel::link::{Mac, VXLAN_PORT};
use crate::kernel::packet::Capture;

/// A frame of Ethernet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Who has sent it.
    pub source: Mac,
    /// For whom it is.
    pub destination: Mac,
    /// What is in it.
    pub content: Content,
    /// All of it, in bytes.
    pub length: usize,
}

/// What is in a frame.
#[allow(missing_docs, reason = "the variants say it, with the words of the protocols")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Who has this address?
    ArpRequest { sender: Ipv4Addr, target: Ipv4Addr },
    /// The one who has it.
    ArpReply { sender: Ipv4Addr, mac: Mac },
    /// A packet of IP version 4.
    Ipv4 { source: Ipv4Addr, destination: Ipv4Addr, segment: Segment },
    /// Another protocol, by its number.
    Other(u16),
}

/// What is in a packet of IP.
#[allow(missing_docs, reason = "the variants say it, with the words of the protocols")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A datagram with its ports.
    Udp { from: u16, to: u16, payload: Payload },
    /// A piece of a connection with its ports: that which opens it, or another one.
    Tcp { from: u16, to: u16, opens: bool },
    /// A piece of a packet that was too long, which begins at this byte of it.
    Fragment(u16),
    /// Another protocol, by its number.
    Other(u8),
}

/// What is in a datagram.
#[allow(missing_docs, reason = "the variants say it, with the words of the protocols")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// What a program has sent.
    Text(String),
    /// A frame of another network, with the number of that.
    Vxlan { id: u32, frame: Box<Frame> },
}

impl Frame {
    /// Take it apart; `None` for one that is damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        const ARP: u16 = 0x0806;
        const IPV4: u16 = 0x0800;
        let rest = bytes.get(14..)?;
        let content = match short(bytes, 12)? {
            ARP => arp(rest)?,
            IPV4 => ipv4(rest)?,
            other => Content::Other(other),
        };
        Some(Self { destination: mac(bytes, 0)?, source: mac(bytes, 6)?, content, length: bytes.len() })
    }

    /// Between which addresses it goes.
    pub fn addresses(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match &self.content {
            Content::Ipv4 { source, destination, .. } => Some((*source, *destination)),
            _ => None,
        }
    }

    /// At which byte of a packet it begins, if it is a piece of one.
    pub fn fragment(&self) -> Option<u16> {
        match self.content {
            Content::Ipv4 { segment: Segment::Fragment(at), .. } => Some(at),
            _ => None,
        }
    }

    /// Between which ports it goes.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.content {
            Content::Ipv4 {
                segment: Segment::Udp { from, to, .. } | Segment::Tcp { from, to, .. }, ..
            } => Some((*from, *to)),
            _ => None,
        }
    }

    /// The text in it, and between which addresses it goes.
    pub fn datagram(&self) -> Option<(Ipv4Addr, Ipv4Addr, &str)> {
        match &self.content {
            Content::Ipv4 { source, destination, segment: Segment::Udp { payload, .. } } => match payload {
                Payload::Text(text) => Some((*source, *destination, text)),
                Payload::Vxlan { .. } => None,
            },
            _ => None,
        }
    }

    /// The frame in it, and the number of the network that this belongs to.
    pub fn inner(&self) -> Option<(u32, &Frame)> {
        match &self.content {
            Content::Ipv4 { segment: Segment::Udp { payload: Payload::Vxlan { id, frame }, .. }, .. } => {
                Some((*id, frame))
            }
            _ => None,
        }
    }

    /// Whether it asks who has this address.
    pub fn asks_for(&self, address: Ipv4Addr) -> bool {
        matches!(self.content, Content::ArpRequest { target, .. } if target == address)
    }

    /// Whether it is for a group that somebody has joined: so kernels talk among themselves.
    fn is_multicast(&self) -> bool {
        self.destination.0[0] & 1 == 1 && !self.is_broadcast()
    }

    /// Whether it is for all.
    pub fn is_broadcast(&self) -> bool {
        self.destination == Mac([0xff; 6])
    }
}

fn arp(bytes: &[u8]) -> Option<Content> {
    const REQUEST: u16 = 1;
    let (sender, target) = (address(bytes, 14)?, address(bytes, 24)?);
    let is_request = short(bytes, 6)? == REQUEST;
    Some(match is_request {
        true => Content::ArpRequest { sender, target },
        false => Content::ArpReply { sender, mac: mac(bytes, 8)? },
    })
}

fn ipv4(bytes: &[u8]) -> Option<Content> {
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    let header = usize::from(bytes.first()? & 0x0f) * 4;
    let rest = bytes.get(header..usize::from(short(bytes, 2)?))?;
    const MORE_FRAGMENTS_AND_OFFSET: u16 = 0x3fff;
    const OFFSET: u16 = 0x1fff;
    let fragment = short(bytes, 6)?;
    let segment = match *bytes.get(9)? {
        _ if fragment & MORE_FRAGMENTS_AND_OFFSET != 0 => Segment::Fragment((fragment & OFFSET) * 8),
        UDP => Segment::Udp { from: short(rest, 0)?, to: short(rest, 2)?, payload: payload(rest)? },
        TCP => Segment::Tcp { from: short(rest, 0)?, to: short(rest, 2)?, opens: rest.get(13)? & 0x12 == 2 },
        other => Segment::Other(other),
    };
    Some(Content::Ipv4 { source: address(bytes, 12)?, destination: address(bytes, 16)?, segment })
}

fn payload(datagram: &[u8]) -> Option<Payload> {
    let content = datagram.get(8..)?;
    if short(datagram, 2)? != VXLAN_PORT {
        return Some(Payload::Text(String::from_utf8_lossy(content).into_owned()));
    }
    let id = u32::from_be_bytes([0, *content.get(4)?, *content.get(5)?, *content.get(6)?]);
    Some(Payload::Vxlan { id, frame: Box::new(Frame::decode(content.get(8..)?)?) })
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok().map(Ipv4Addr::from)
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok().map(Mac)
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.layers(f, 0)
    }
}

impl Frame {
    /// A line for each layer, each further in than the one around it.
    fn layers(&self, f: &mut fmt::Formatter, depth: usize) -> fmt::Result {
        let inside = |more: usize| "  ".repeat(depth + more);
        write!(f, "{}Ethernet {} > {}", inside(0), self.source, self.destination)?;
        match &self.content {
            Content::ArpRequest { sender, target } => {
                write!(f, "\n{}ARP, who has {target}? Tell {sender}", inside(1))
            }
            Content::ArpReply { sender, mac } => write!(f, "\n{}ARP, {sender} is at {mac}", inside(1)),
            Content::Other(number) => write!(f, "\n{}protocol {number:#06x}", inside(1)),
            Content::Ipv4 { source, destination, segment } => {
                write!(f, "\n{}IPv4 {source} > {destination}", inside(1))?;
                match segment {
                    Segment::Fragment(at) => write!(f, "\n{}fragment from byte {at}", inside(2)),
                    Segment::Other(number) => write!(f, "\n{}protocol {number}", inside(2)),
                    Segment::Tcp { from, to, .. } => write!(f, "\n{}TCP {from} > {to}", inside(2)),
                    Segment::Udp { from, to, payload } => {
                        write!(f, "\n{}UDP {from} > {to}", inside(2))?;
                        match payload {
                            Payload::Text(text) => write!(f, " {text:?}"),
                            Payload::Vxlan { id, frame } => {
                                writeln!(f, "\n{}VXLAN {id}", inside(3))?;
                                frame.layers(f, depth + 4)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What has passed, up to the frame that was waited for: ARP and IPv4, without groups, each frame once. One that is lost is sent
/// again, which depends on how busy the machine is.
pub fn until(capture: &Capture, is_last: impl Fn(&Frame) -> bool) -> kernel::Result<Vec<Frame>> {
    let mut frames = vec![];
    loop {
        let Some(frame) = Frame::decode(&capture.next_frame()?) else { continue };
        if frame.is_multicast() || matches!(frame.content, Content::Other(_)) {
            continue;
        }
        let last = is_last(&frame);
        if !frames.contains(&frame) {
            frames.push(frame);
        }
        if last {
            return Ok(frames);
        }
    }
}
