//! Which network a container is to have, as docker's flags say it.

use std::net::Ipv4Addr;

use crate::cli::problem::{Problem, note, state_directory};
use crate::container::network::{Networks, PREDEFINED, Port, Ports, Stay, is_ordinary};
use crate::container::spec::{Membership, Network};

#[derive(clap::Args)]
pub(super) struct NetworkFlags {
    /// Its network: none, with a loopback interface and nothing else, host, that of this machine, or one that was made
    #[arg(long, visible_alias = "network", value_name = "NETWORK", default_value = "none")]
    net: String,
    /// Its address there; the next one that is free without
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// What the others call it there, besides its own name
    #[arg(long, alias = "net-alias", value_name = "NAME", value_parser = parse_alias)]
    network_alias: Vec<String>,
    /// A port of the host's by which one of its own is reached, or as many as 8000-8010:80-90; of 8000-8010:80 the first
    /// that is free, and without HOST any
    #[arg(short, long, value_name = "[[ADDRESS:]HOST:]CONTAINER[/udp]")]
    publish: Vec<Ports>,
}

impl NetworkFlags {
    /// Go where the networks are, if an ordinary user wants one of his for so many containers; to be called before
    /// anything else is opened.
    pub(super) fn enter(&self, count: usize) -> Result<Option<Stay>, Problem> {
        if PREDEFINED.contains(&self.net.as_str()) || !is_ordinary() {
            return Ok(None);
        }
        let networks = Networks::open(&state_directory()?);
        networks.find(&self.net)?;
        let stay = networks.enter(&self.ports().repeat(count))?;
        if let Some(why) = stay.as_ref().and_then(|stay| stay.note.as_ref()) {
            note(why);
        }
        Ok(stay)
    }

    fn ports(&self) -> Vec<Port> {
        self.publish.iter().flat_map(|ports| ports.0.clone()).collect()
    }

    pub(super) fn spec(&self) -> Result<Network, Problem> {
        let predefined = match self.net.as_str() {
            "none" => Network::None,
            "host" => Network::Host,
            given => {
                return Ok(Network::Named(Membership {
                    network: Networks::open(&state_directory()?).find(given)?.name,
                    address: self.ip,
                    aliases: self.network_alias.clone(),
                    ports: self.ports(),
                }));
            }
        };
        let refused = [
            (self.ip.is_some(), "user specified IP address is supported on user defined networks only"),
            (
                !self.network_alias.is_empty(),
                "network-scoped alias is supported only for containers in user defined networks",
            ),
            (!self.publish.is_empty(), "ports are published for containers in user defined networks only"),
        ];
        match refused.into_iter().find(|(is_asked, _)| *is_asked) {
            Some((_, why)) => {
                Err(Problem::usage(why, "make one, and name it: glassbox network create web; run --net web"))
            }
            None => Ok(predefined),
        }
    }
}

/// A name that fits into a line of names.
fn parse_alias(text: &str) -> Result<String, String> {
    let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || b"_.-".contains(&sign);
    let valid = !text.is_empty() && text.bytes().all(is_sign);
    if valid { Ok(text.into()) } else { Err("it has letters, digits, '_', '.' and '-'".into()) }
}
