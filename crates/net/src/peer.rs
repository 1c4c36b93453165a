//! The address at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address of a client. Small and `Copy`: one is kept for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client; port 0 if a proxy has told the address alone.
    Tcp(IpAddr, u16),
    /// A client on a unix socket: they have no address worth a name.
    Unix,
}

/// What a PROXY header has said of a connection.
#[derive(Debug)]
pub struct Proxied {
    /// The header.
    pub header: proto::proxy::Header,
    /// The peer that has sent it.
    pub by: Peer,
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

    /// The address; those on a unix socket have none.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(ip, _) => Some(ip),
            Self::Unix => None,
        }
    }

    /// As kept on the scoreboard: family and port, then the address.
    #[inline]
    pub(crate) fn to_words(self) -> [u64; 3] {
        match self {
            Self::Unix => [0; 3],
            Self::Tcp(IpAddr::V4(ip), port) => [V4 | u64::from(port), u64::from(ip.to_bits()), 0],
            Self::Tcp(IpAddr::V6(ip), port) => {
                let bytes = ip.octets();
                let [high, low] = [0, 8].map(|from| {
                    let mut half = [0; 8];
                    half.copy_from_slice(&bytes[from..from + 8]);
                    u64::from_ne_bytes(half)
                });
                [V6 | u64::from(port), high, low]
            }
        }
    }

    pub(crate) fn from_words([kind, high, low]: [u64; 3]) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half is the port"
        )]
        let port = kind as u16;
        if kind & V4 != 0 {
            #[expect(clippy::cast_possible_truncation, reason = "an IPv4 address")]
            return Self::Tcp(Ipv4Addr::from_bits(high as u32).into(), port);
        }
        if kind & V6 == 0 {
            return Self::Unix;
        }
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&high.to_ne_bytes());
        octets[8..].copy_from_slice(&low.to_ne_bytes());
        Self::Tcp(Ipv6Addr::from(octets).into(), port)
    }
}

/// Families, above the port.
const V4: u64 = 1 << 16;
const V6: u64 = 1 << 17;

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(IpAddr::V4(ip), port) => write!(f, "{ip}:{port}"),
            Self::Tcp(IpAddr::V6(ip), port) => write!(f, "[{ip}]:{port}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(ip: &str) -> Peer {
        Peer::Tcp(ip.parse().unwrap(), 5)
    }

    #[test]
    fn survives_the_scoreboard() {
        for peer in [tcp("10.0.0.1"), tcp("fe80::1:2"), Peer::Unix] {
            assert_eq!(Peer::from_words(peer.to_words()), peer);
        }
    }
}
