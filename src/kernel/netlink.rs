//! Netlink: requests to the kernel, each a message of attributes, and its answers.
//! <https://man7.org/linux/man-pages/man7/netlink.7.html>

use std::fmt;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::Errno;
use super::record::quoted;

// The numbers of linux/netlink.h.
pub(super) const NLM_F_REQUEST: u16 = 0x1;
pub(super) const NLM_F_ACK: u16 = 0x4;
pub(super) const NLM_F_DUMP: u16 = 0x300;
pub(super) const NLM_F_EXCL: u16 = 0x200;
pub(super) const NLM_F_CREATE: u16 = 0x400;
pub(super) const NLA_F_NESTED: u16 = 0x8000;
const NLA_TYPE_MASK: u16 = 0x3fff;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Length, kind, flags, sequence number and sender.
const HEADER: usize = 16;

/// The kernel answers while it is asked; this is for a kernel that does not.
const PATIENCE: TimeVal = TimeVal::new(30, 0);

/// The hardware address of a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An attribute of a message, with the name that the kernel's headers give it.
pub(super) struct Attribute {
    name: &'static str,
    kind: u16,
    value: Value,
}

/// What an attribute says.
pub(super) enum Value {
    Text(String),
    Byte(u8),
    Number(u32),
    /// A number with a name of its own.
    Named(&'static str, u32),
    /// In network byte order.
    Port(u16),
    /// The first port of a range, and the one after the last.
    Ports(u16, u16),
    Address(Ipv4Addr),
    Hardware(Mac),
    /// An interface goes by its number, and is told by its name.
    Interface(String, u32),
    Nested(Vec<Attribute>),
    /// Attributes behind a header of so many zeros.
    Behind(usize, Vec<Attribute>),
}

impl Attribute {
    pub(super) fn new(name: &'static str, kind: u16, value: Value) -> Self {
        Self { name, kind, value }
    }

    pub(super) fn encoded(&self) -> Vec<u8> {
        let all = |attributes: &[Attribute]| attributes.iter().flat_map(Attribute::encoded).collect();
        match &self.value {
            Value::Text(text) => attribute(self.kind, format!("{text}\0").as_bytes()),
            Value::Byte(byte) => attribute(self.kind, &[*byte]),
            Value::Number(number) | Value::Named(_, number) | Value::Interface(_, number) => {
                attribute(self.kind, &number.to_ne_bytes())
            }
            Value::Port(port) => attribute(self.kind, &port.to_be_bytes()),
            Value::Ports(first, end) => {
                attribute(self.kind, &[first.to_be_bytes(), end.to_be_bytes()].concat())
            }
            Value::Address(address) => attribute(self.kind, &address.octets()),
            Value::Hardware(Mac(bytes)) => attribute(self.kind, bytes),
            Value::Nested(list) => attribute(self.kind, &Vec::from_iter(all(list))),
            Value::Behind(zeros, list) => attribute(self.kind, &[vec![0; *zeros], all(list)].concat()),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}=", self.name)?;
        match &self.value {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Byte(number) => write!(f, "{number}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Named(name, _) => f.write_str(name),
            Value::Port(port) => write!(f, "htons({port})"),
            Value::Ports(first, end) => write!(f, "{{htons({first}), htons({end})}}"),
            Value::Address(address) => write!(f, "inet_addr(\"{address}\")"),
            Value::Hardware(mac) => write!(f, "{mac}"),
            Value::Interface(name, _) => write!(f, "if_nametoindex(\"{name}\")"),
            Value::Nested(list) | Value::Behind(_, list) => write!(f, "{{{}}}", listed(list)),
        }
    }
}

/// Attributes, divided by commas.
pub(super) fn listed(attributes: &[Attribute]) -> String {
    attributes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Length, kind, content, and zeros up to a multiple of four.
pub(super) fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = 4 + content.len();
    let mut attribute = Vec::from((length as u16).to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(content);
    attribute.resize(length.next_multiple_of(4), 0);
    attribute
}

/// A netlink header and what it is the header of.
pub(super) fn message(kind: u16, flags: u16, content: &[u8]) -> Vec<u8> {
    let mut message = Vec::from(((HEADER + content.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]); // sequence number and sender, for whoever has several requests under way
    message.extend(content);
    message
}

pub(super) fn open(protocol: SockProtocol) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &PATIENCE)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// Send the messages, and read so many answers; the first that is an error is the result.
pub(super) fn deliver(protocol: SockProtocol, messages: &[u8], answers: usize) -> nix::Result<()> {
    deliver_by(&open(protocol)?, messages, answers)
}

/// The same by a socket that is open. After an error there may be more answers in it.
pub(super) fn deliver_by(socket: &OwnedFd, messages: &[u8], mut answers: usize) -> nix::Result<()> {
    /// What every socket takes at once.
    const USUAL: usize = 64 << 10;
    if messages.len() > USUAL {
        make_room(socket, messages.len())?;
    }
    send(socket.as_raw_fd(), messages, MsgFlags::empty())?;
    let mut buffer = [0; 8192];
    while answers > 0 {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..length];
        while let Some((answer, next)) = Answer::first(rest) {
            answer.refused()?;
            answers = answers.saturating_sub(1);
            rest = next;
        }
    }
    Ok(())
}

/// `SO_SNDBUFFORCE`, for messages that are sent at once, or not at all. Where the machine is somebody else's, it is
/// `SO_SNDBUF`, up to `net.core.wmem_max`.
fn make_room(socket: &OwnedFd, length: usize) -> nix::Result<()> {
    match setsockopt(socket, sockopt::SndBufForce, &length) {
        Err(Errno::EPERM) => setsockopt(socket, sockopt::SndBuf, &length),
        done => done,
    }
}

/// Ask for a list: the content of every message of the answer.
pub(super) fn dump(protocol: SockProtocol, kind: u16, content: &[u8]) -> nix::Result<Vec<Vec<u8>>> {
    let socket = open(protocol)?;
    let question = message(kind, NLM_F_REQUEST | NLM_F_DUMP, content);
    send(socket.as_raw_fd(), &question, MsgFlags::empty())?;
    let mut buffer = vec![0; 32 * 1024];
    let mut list = vec![];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = &buffer[..length];
        while let Some((answer, next)) = Answer::first(rest) {
            answer.refused()?;
            if answer.kind == NLMSG_DONE {
                return Ok(list);
            }
            list.push(answer.content.to_vec());
            rest = next;
        }
    }
}

/// A message from the kernel.
struct Answer<'a> {
    kind: u16,
    content: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The first one, and what comes after it.
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let content = bytes.get(HEADER..length)?;
        Some((Answer { kind, content }, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
    }

    /// The errno in it; 0 is success.
    fn refused(&self) -> nix::Result<()> {
        let code = self.content.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
        if self.kind == NLMSG_ERROR && code != 0 { Err(Errno::from_raw(-code)) } else { Ok(()) }
    }
}

/// The attributes in a message, or in another attribute: kind and content of each.
pub(super) fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let (mut rest, mut list) = (bytes, vec![]);
    while let Some((length, kind)) = rest.get(..2).zip(rest.get(2..4)) {
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let Some(content) = rest.get(4..length) else { break };
        list.push((u16::from_ne_bytes([kind[0], kind[1]]) & NLA_TYPE_MASK, content));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    list
}
