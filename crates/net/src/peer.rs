//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address of a client. Small and `Copy`: one is kept for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client.
    Tcp(IpAddr, u16),
    /// A client on a unix socket: they have no address worth a name.
    Unix,
}

impl Peer {
    /// From what `accept` wrote.
    pub(crate) fn from_sockaddr(storage: &libc::sockaddr_storage) -> Self {
        match i32::from(storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: the family says that the storage holds a sockaddr_in.
                let address = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
                let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
                Self::Tcp(IpAddr::V4(ip), u16::from_be(address.sin_port))
            }
            libc::AF_INET6 => {
                // SAFETY: the family says that the storage holds a sockaddr_in6.
                let address = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
                Self::Tcp(IpAddr::V6(ip), u16::from_be(address.sin6_port))
            }
            _ => Self::Unix,
        }
    }

    /// The bytes kept in the scoreboard: family, port, address.
    pub(crate) fn to_bytes(self) -> [u8; 19] {
        let mut bytes = [0; 19];
        match self {
            Self::Unix => {}
            Self::Tcp(ip, port) => {
                bytes[1..3].copy_from_slice(&port.to_be_bytes());
                match ip {
                    IpAddr::V4(ip) => {
                        bytes[0] = 4;
                        bytes[3..7].copy_from_slice(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        bytes[0] = 6;
                        bytes[3..19].copy_from_slice(&ip.octets());
                    }
                }
            }
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; 19]) -> Self {
        let port = u16::from_be_bytes([bytes[1], bytes[2]]);
        match bytes[0] {
            4 => {
                let mut octets = [0; 4];
                octets.copy_from_slice(&bytes[3..7]);
                Self::Tcp(IpAddr::from(octets), port)
            }
            6 => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&bytes[3..19]);
                Self::Tcp(IpAddr::from(octets), port)
            }
            _ => Self::Unix,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(IpAddr::V4(ip), port) => write!(f, "{ip}:{port}"),
            Self::Tcp(IpAddr::V6(ip), port) => write!(f, "[{ip}]:{port}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// Addresses that may speak for others (gunicorn's `forwarded_allow_ips`).
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    all: bool,
    networks: Vec<(IpAddr, u8)>,
}

impl Trusted {
    /// Parses addresses, networks (`10.0.0.0/8`) and `*`.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut trusted = Self::default();
        for entry in entries {
            if entry == "*" {
                trusted.all = true;
            } else {
                trusted
                    .networks
                    .push(network(entry).ok_or_else(|| entry.to_owned())?);
            }
        }
        Ok(trusted)
    }

    /// Whether `peer` may speak for others. Peers on a unix socket always may.
    pub fn contains(&self, peer: Peer) -> bool {
        match peer {
            Peer::Unix => true,
            Peer::Tcp(ip, _) => {
                let ip = ip.to_canonical();
                self.all
                    || self
                        .networks
                        .iter()
                        .any(|&(net, bits)| within(ip, net, bits))
            }
        }
    }
}

fn network(entry: &str) -> Option<(IpAddr, u8)> {
    let Some((address, bits)) = entry.split_once('/') else {
        let address: IpAddr = entry.parse().ok()?;
        return Some((address, if address.is_ipv4() { 32 } else { 128 }));
    };
    let address: IpAddr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn within(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            (ip.to_bits() ^ net.to_bits()) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            (ip.to_bits() ^ net.to_bits()) & mask == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(ip: &str) -> Peer {
        Peer::Tcp(ip.parse().unwrap(), 5)
    }

    #[test]
    fn trusts_addresses_and_networks() {
        let trusted = Trusted::parse(["127.0.0.1", "::1", "10.1.0.0/16", "0.0.0.0/32"]).unwrap();
        for (ip, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.255.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("::2", false),
            ("::ffff:127.0.0.1", true),
        ] {
            assert_eq!(trusted.contains(tcp(ip)), expected, "{ip}");
        }
        assert!(trusted.contains(Peer::Unix));
        assert!(Trusted::parse(["*"]).unwrap().contains(tcp("8.8.8.8")));
        assert!(
            Trusted::parse(["0.0.0.0/0"])
                .unwrap()
                .contains(tcp("8.8.8.8"))
        );
        assert_eq!(Trusted::parse(["10.0.0.0/33"]).unwrap_err(), "10.0.0.0/33");
        assert_eq!(Trusted::parse(["localhost"]).unwrap_err(), "localhost");
    }

    #[test]
    fn survives_the_scoreboard() {
        for peer in [tcp("10.0.0.1"), tcp("fe80::1"), Peer::Unix] {
            assert_eq!(Peer::from_bytes(peer.to_bytes()), peer);
        }
    }
}
