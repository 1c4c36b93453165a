//! Which addresses are believed (`forwarded_allow_ips`): addresses, networks, every peer.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that may speak for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    every_peer: bool,
    networks: Vec<(IpAddr, u8)>,
}

impl Default for Trusted {
    /// This machine, as gunicorn has it.
    fn default() -> Self {
        Self {
            every_peer: false,
            networks: vec![
                (IpAddr::V4(Ipv4Addr::LOCALHOST), 32),
                (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            ],
        }
    }
}

impl Trusted {
    /// Parses addresses, networks (`10.0.0.0/8`) and `*`.
    ///
    /// # Errors
    /// The first entry that is none of them; a network with bits behind its prefix is none.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut trusted = Self {
            every_peer: false,
            networks: Vec::new(),
        };
        for entry in entries {
            if entry == "*" {
                trusted.every_peer = true;
            } else {
                trusted
                    .networks
                    .push(network(entry).ok_or_else(|| entry.to_owned())?);
            }
        }
        Ok(trusted)
    }

    /// Whether this address may speak for others. An IPv4 client of a dual-stack socket counts as
    /// IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |&(network, bits): &(IpAddr, u8)| masked(address, bits) == Some(network);
        self.every_peer || self.networks.iter().any(within)
    }

    /// Whether a peer may speak for others; those on a unix socket have no address, and always may.
    pub fn contains_peer(&self, peer: Option<IpAddr>) -> bool {
        peer.is_none_or(|address| self.contains(address))
    }

    /// Whether every address is trusted (`*`).
    pub(super) fn every_peer(&self) -> bool {
        self.every_peer
    }
}

impl fmt::Display for Trusted {
    /// As the setting is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        if self.every_peer {
            f.write_str("*")?;
            comma = ",";
        }
        for &(address, bits) in &self.networks {
            write!(f, "{comma}{address}")?;
            if bits != full(address) {
                write!(f, "/{bits}")?;
            }
            comma = ",";
        }
        Ok(())
    }
}

fn network(entry: &str) -> Option<(IpAddr, u8)> {
    let Some((address, bits)) = entry.split_once('/') else {
        let address: IpAddr = entry.parse().ok()?;
        return Some((address, full(address)));
    };
    let address: IpAddr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    (masked(address, bits) == Some(address)).then_some((address, bits))
}

fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with only its first bits left; `None` if it has not so many.
fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => {
            let rest = 32_u32.checked_sub(bits.into())?;
            let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let rest = 128_u32.checked_sub(bits.into())?;
            let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn trusts_addresses_and_networks() {
        let list = ["127.0.0.1", "::1", "10.1.0.0/16", "2001:db8::/32"];
        let trusted = Trusted::parse(list).unwrap();
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.255.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::2", false),
            ("::ffff:127.0.0.1", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(trusted.contains(ip(address)), expected, "{address}");
        }
        assert!(trusted.contains_peer(None));
        assert_eq!(trusted.to_string(), list.join(","));
        for all in ["*", "0.0.0.0/0"] {
            assert!(Trusted::parse([all]).unwrap().contains(ip("8.8.8.8")));
        }
        assert!(!Trusted::parse([]).unwrap().contains(ip("127.0.0.1")));
    }

    #[test]
    fn refuses_what_is_no_network() {
        for bad in [
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::1/64",
            "::/129",
            "10.0.0.0/",
            "localhost",
            "10.0.0",
            "",
            " 10.0.0.1",
        ] {
            assert_eq!(Trusted::parse(["::1", bad]).unwrap_err(), bad);
        }
    }
}
