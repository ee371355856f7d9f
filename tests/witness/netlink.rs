//! Requests about interfaces, addresses and routes. strace, which is in another network, does not know what such a
//! socket is for, and shows the bytes: here they are made once more from what was narrated.

use std::net::Ipv4Addr;

use super::notation::{split, unescaped};

/// The requests, with their numbers, and the length of the header that each has.
const REQUESTS: [(&str, u32, usize); 9] = [
    ("RTM_NEWLINK", 16, 16),
    ("RTM_DELLINK", 17, 16),
    ("RTM_SETLINK", 19, 16),
    ("RTM_NEWADDR", 20, 8),
    ("RTM_DELADDR", 21, 8),
    ("RTM_NEWROUTE", 24, 12),
    ("RTM_DELROUTE", 25, 12),
    ("RTM_NEWNEIGH", NEW_NEIGHBOUR, 12),
    ("AUDIT_GET", 1000, 0),
];

const NEW_NEIGHBOUR: u32 = 28;

/// Attributes of interfaces that name another one: it is narrated by its name, and sent as a number.
const OTHER_INTERFACES: [u16; 2] = [5, 10];

/// `{RTM_NEWLINK, IFLA_IFNAME="eth0", IFLA_LINKINFO={…}}`: the kind of a request and its bytes. Of several,
/// `[{RTM_NEWNEIGH, …}, …]`, those of the first.
pub(crate) fn narrated(text: &str) -> Option<Vec<String>> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(", …]")).unwrap_or(text);
    let parts = split(text.strip_prefix('{')?.strip_suffix('}')?);
    let (name, number, length) =
        REQUESTS.iter().find(|(name, ..)| parts.first().is_some_and(|kind| kind == name))?;
    let mut header = vec![0; *length];
    match *name {
        "RTM_NEWADDR" | "RTM_DELADDR" | "RTM_NEWNEIGH" => header[0] = 2,
        "RTM_NEWROUTE" => header[..8].copy_from_slice(&[2, 0, 0, 0, 254, 3, 0, 1]),
        _ => {}
    }
    let mut rest = vec![];
    for part in &parts[1..] {
        match part.split_once('=')? {
            ("ifi_flags", flags) => {
                header[8] = u8::from(flags == "IFF_UP");
                header[12] = 1;
            }
            ("ifa_prefixlen", bits) => header[1] = bits.parse().ok()?,
            ("rtm_dst_len", bits) => header[1] = bits.parse().ok()?,
            ("ndm_state", state) => header[8] = u8::from(state == "NUD_PERMANENT") << 7,
            ("ifa_index" | "ndm_ifindex", _) => {}
            (name, value) => rest.extend(attribute(name, value)),
        }
    }
    Some(told(*number, &[header, rest].concat()))
}

fn told(number: u32, content: &[u8]) -> Vec<String> {
    vec![number.to_string(), content.iter().map(|byte| format!("{byte:02x}")).collect()]
}

fn list(text: &str) -> Vec<u8> {
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    split(inside)
        .iter()
        .filter_map(|part| part.split_once('='))
        .flat_map(|(name, value)| attribute(name, value))
        .collect()
}

fn attribute(name: &str, value: &str) -> Vec<u8> {
    let number = || value.parse::<u32>().unwrap().to_ne_bytes().to_vec();
    let text = || format!("{}\0", value.trim_matches('"')).into_bytes();
    let inside = |call: &str| -> Vec<String> {
        value
            .split(call)
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap().trim_matches('"').into())
            .collect()
    };
    let address = || inside("inet_addr(")[0].parse::<Ipv4Addr>().unwrap().octets().to_vec();
    let ports =
        || inside("htons(").iter().flat_map(|port| port.parse::<u16>().unwrap().to_be_bytes()).collect();
    let (kind, content): (u16, Vec<u8>) = match name {
        "IFLA_ADDRESS" => (1, value.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()),
        "IFLA_IFNAME" => (3, text()),
        "IFLA_MTU" => (4, number()),
        "IFLA_LINK" => (5, vec![0; 4]),
        "IFLA_MASTER" => (10, vec![0; 4]),
        "IFLA_LINKINFO" => (18, list(value)),
        "IFLA_NET_NS_PID" => (19, number()),
        "IFLA_INFO_KIND" => (1, text()),
        "IFLA_INFO_DATA" => (2, list(value)),
        "VETH_INFO_PEER" => (1, [vec![0; 16], list(value)].concat()),
        "IFLA_MACVLAN_MODE" => (1, [u8::from(value == "MACVLAN_MODE_BRIDGE") * 4, 0, 0, 0].to_vec()),
        "IFLA_VXLAN_ID" => (1, number()),
        "IFLA_VXLAN_GROUP" => (2, address()),
        "IFLA_VXLAN_LOCAL" => (4, address()),
        "IFLA_VXLAN_PORT_RANGE" => (10, ports()),
        "IFLA_VXLAN_PORT" => (15, ports()),
        "IFLA_AF_SPEC" => (26, list(value)),
        "AF_INET6" => (10, list(value)),
        "IFLA_INET6_ADDR_GEN_MODE" => (8, vec![value.parse().unwrap()]),
        "IFA_ADDRESS" => (1, address()),
        "IFA_LOCAL" => (2, address()),
        "NDA_DST" => (1, address()),
        "NDA_LLADDR" => (2, value.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()),
        "RTA_DST" => (1, address()),
        "RTA_GATEWAY" => (5, address()),
        other => panic!("tests/witness/netlink.rs does not know {other}"),
    };
    let length = 4 + content.len();
    let mut bytes = [&(length as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), &content].concat();
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// `[{nlmsg_len=52, nlmsg_type=0x10 /* NLMSG_??? */, …}, "\x00…"]`: the same as strace shows it. None for what is no
/// request of these. Of several in one call it is the first, and how many they are.
pub(crate) fn executed(text: &str) -> Option<Vec<String>> {
    if let Some(several) = text.strip_prefix('[').filter(|text| text.starts_with('[')) {
        let several = split(several.strip_suffix(']')?);
        let first = executed(several.first()?)?;
        return Some([first, vec![several.len().to_string()]].concat());
    }
    // One that is nothing but a header stands alone.
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let parts = list.map_or_else(|| vec![text.to_string()], split);
    let kind = parts.first()?.split("nlmsg_type=0x").nth(1)?.split(' ').next()?;
    let kind = u32::from_str_radix(kind, 16).ok()?;
    let (_, number, length) = REQUESTS.iter().find(|(_, number, _)| *number == kind)?;
    let content = parts.get(1).map_or("\"\"", String::as_str);
    let mut content = unescaped(content.strip_prefix('"')?.strip_suffix('"')?);
    if *number == NEW_NEIGHBOUR {
        content[4..8].fill(0);
    }
    forget_interfaces(&mut content, *length);
    Some(told(*number, &content))
}

/// Put zeros in place of the numbers of other interfaces, and of that which gets an address.
fn forget_interfaces(content: &mut [u8], header: usize) {
    const OF_AN_ADDRESS: usize = 8;
    const OF_AN_INTERFACE: usize = 16;
    if header == OF_AN_ADDRESS {
        content[4..8].fill(0);
    }
    let mut at = header;
    while let Some(&[low, high, kind_low, kind_high]) = content.get(at..at + 4) {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        if header == OF_AN_INTERFACE && OTHER_INTERFACES.contains(&u16::from_ne_bytes([kind_low, kind_high]))
        {
            content[at + 4..at + 8].fill(0);
        }
        at += length.max(4).next_multiple_of(4);
    }
}

/// The errno in the answer to a request, if this is one.
pub(crate) fn answer(text: &str) -> Option<String> {
    let error = text.split("nlmsg_type=NLMSG_ERROR").nth(1)?.split("{error=").nth(1)?;
    Some(error.split([',', '}']).next()?.trim_start_matches('-').into())
}
