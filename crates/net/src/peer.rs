//! Who is at the other end of a connection.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(ip: &str) -> Peer {
        Peer::Tcp(ip.parse().unwrap(), 5)
    }

    #[test]
    fn survives_the_scoreboard() {
        for peer in [tcp("10.0.0.1"), tcp("fe80::1"), Peer::Unix] {
            assert_eq!(Peer::from_bytes(peer.to_bytes()), peer);
        }
    }
}
