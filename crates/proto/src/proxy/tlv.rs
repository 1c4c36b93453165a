//! What version 2 says beside addresses: type, length, value (section 2.2.1 to 2.2.8).

use std::borrow::Cow;

use super::{Invalid, text};

/// What a proxy says of a connection beside its addresses. Other types are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    /// The protocol that the client and the proxy have agreed on (`PP2_TYPE_ALPN`).
    pub alpn: Option<Vec<u8>>,
    /// The host that the client asks for, of SNI for example (`PP2_TYPE_AUTHORITY`).
    pub authority: Option<Vec<u8>>,
    /// The proxy's name for the connection (`PP2_TYPE_UNIQUE_ID`).
    pub unique_id: Option<Vec<u8>>,
    /// The client's TLS (`PP2_TYPE_SSL`).
    pub ssl: Option<Ssl>,
}

/// What a proxy says of the client's TLS (section 2.2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssl {
    /// The client has connected over TLS (`PP2_CLIENT_SSL`).
    pub tls: bool,
    /// It has given a certificate, on this connection or on the one that it resumes.
    pub certificate: bool,
    /// That certificate was verified.
    pub verified: bool,
    /// `TLSv1.3`.
    pub version: Option<Vec<u8>>,
    /// The common name of the certificate's subject.
    pub common_name: Option<Vec<u8>>,
    /// The cipher.
    pub cipher: Option<Vec<u8>>,
    /// The algorithm that the certificate is signed with.
    pub signature: Option<Vec<u8>>,
    /// The algorithm of its key.
    pub key: Option<Vec<u8>>,
}

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;
const SSL_SIG_ALG: u8 = 0x24;
const SSL_KEY_ALG: u8 = 0x25;

/// The longest unique id (section 2.2.5).
const LONGEST_ID: usize = 128;

const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;

impl Tlvs {
    /// Reads those in `bytes`, which end the whole `header`.
    pub(super) fn decode(bytes: &[u8], header: &[u8]) -> Result<Self, Invalid> {
        let mut said = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (kind, value, behind) = next(rest)?;
            match kind {
                ALPN => said.alpn = Some(value.to_vec()),
                AUTHORITY => said.authority = Some(value.to_vec()),
                UNIQUE_ID if value.len() > LONGEST_ID => return Err(Invalid),
                UNIQUE_ID => said.unique_id = Some(value.to_vec()),
                CRC32C => check(value, header, behind.len())?,
                SSL => said.ssl = Some(Ssl::decode(value)?),
                _ => {}
            }
            rest = behind;
        }
        Ok(said)
    }

    /// Adds them by names of the environ.
    pub fn variables<'a>(&'a self, all: &mut Vec<(&'static str, Cow<'a, [u8]>)>) {
        let ssl = self.ssl.as_ref();
        let part = |of: fn(&Ssl) -> &Option<Vec<u8>>| ssl.and_then(|ssl| of(ssl).as_deref());
        let values = [
            ("PROXY_ALPN", self.alpn.as_deref()),
            ("PROXY_AUTHORITY", self.authority.as_deref()),
            ("PROXY_UNIQUE_ID", self.unique_id.as_deref()),
            ("PROXY_SSL_VERSION", part(|ssl| &ssl.version)),
            ("PROXY_SSL_CN", part(|ssl| &ssl.common_name)),
            ("PROXY_SSL_CIPHER", part(|ssl| &ssl.cipher)),
            ("PROXY_SSL_SIG_ALG", part(|ssl| &ssl.signature)),
            ("PROXY_SSL_KEY_ALG", part(|ssl| &ssl.key)),
        ];
        let said = values
            .into_iter()
            .filter_map(|(name, value)| Some((name, Cow::from(value?))));
        all.extend(said);
        if let Some(ssl) = ssl {
            let flags = [
                ("PROXY_SSL", ssl.tls),
                ("PROXY_SSL_CLIENT_CERT", ssl.certificate),
                ("PROXY_SSL_VERIFIED", ssl.verified),
            ];
            all.extend(flags.map(|(name, set)| (name, text(&u8::from(set)))));
        }
    }
}

impl Ssl {
    fn decode(value: &[u8]) -> Result<Self, Invalid> {
        let Some((&[client, verify @ ..], mut rest)) = value.split_first_chunk::<5>() else {
            return Err(Invalid);
        };
        let certificate = client & (CLIENT_CERT_CONN | CLIENT_CERT_SESS) != 0;
        let mut said = Self {
            tls: client & CLIENT_SSL != 0,
            certificate,
            // Zero: it was verified; also if there is none.
            verified: certificate && u32::from_be_bytes(verify) == 0,
            ..Self::default()
        };
        while !rest.is_empty() {
            let (kind, value, behind) = next(rest)?;
            let place = match kind {
                SSL_VERSION => &mut said.version,
                SSL_CN => &mut said.common_name,
                SSL_CIPHER => &mut said.cipher,
                SSL_SIG_ALG => &mut said.signature,
                SSL_KEY_ALG => &mut said.key,
                _ => &mut None,
            };
            *place = Some(value.to_vec());
            rest = behind;
        }
        Ok(said)
    }
}

/// Type and value of the first one, and what follows it.
fn next(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Invalid> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk().ok_or(Invalid)?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let (value, rest) = rest.split_at_checked(len).ok_or(Invalid)?;
    Ok((kind, value, rest))
}

/// The checksum of the header, taken with zeros in its own place, in front of `behind` bytes
/// (section 2.2.3).
fn check(value: &[u8], header: &[u8], behind: usize) -> Result<(), Invalid> {
    let expected = u32::from_be_bytes(value.try_into().map_err(|_| Invalid)?);
    let at = header.len().checked_sub(behind + 4).ok_or(Invalid)?;
    let front = header.get(..at).unwrap_or_default();
    let rest = header.get(at + 4..).unwrap_or_default();
    let parts = front.iter().chain(&[0; 4]).chain(rest);
    (crc32c(parts) == expected).then_some(()).ok_or(Invalid)
}

/// CRC-32C (RFC 9260, appendix A), bit by bit: a header has a few hundred bytes.
pub(super) fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 * (crc & 1))
        })
    })
}
