//! What a certificate says of its owner, in the words that applications know (`mod_ssl`, nginx).

use std::net::IpAddr;

use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

/// The names, times and number of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its subject and issuer, as RFC 4514 writes them.
    pub subject: String,
    /// The same of the authority that has signed it.
    pub issuer: String,
    /// The subject's common name.
    pub common_name: Option<String>,
    /// Its number, in capital hexadecimal digits.
    pub serial: String,
    /// From when on it is valid, in Unix seconds.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
    /// Alternative names (RFC 5280 section 4.2.1.6): of hosts.
    pub dns: Vec<String>,
    /// Of mailboxes.
    pub emails: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

impl Identity {
    /// Reads a certificate in DER. `None`: it is none.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        let mut identity = Self {
            subject: rfc4514(subject),
            issuer: rfc4514(certificate.issuer()),
            common_name: subject
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_string),
            serial: hexadecimal(certificate.raw_serial()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            ..Self::default()
        };
        if let Ok(Some(names)) = certificate.subject_alternative_name() {
            for name in &names.value.general_names {
                identity.add(name);
            }
        }
        Some(identity)
    }

    /// Everything by the names of `mod_ssl`, with those of nginx that differ.
    pub(super) fn entries(&self, pem: &str) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        let mut add = |name: &str, value: String| {
            entries.push((format!("SSL_CLIENT_{name}"), value));
        };
        add("CERT", pem.to_string());
        add("S_DN", self.subject.clone());
        add("I_DN", self.issuer.clone());
        if let Some(name) = &self.common_name {
            add("S_DN_CN", name.clone());
        }
        add("M_SERIAL", self.serial.clone());
        add("SERIAL", self.serial.clone());
        add("V_START", time(self.not_before));
        add("V_END", time(self.not_after));
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        for (kind, names) in [
            ("DNS", &self.dns),
            ("Email", &self.emails),
            ("URI", &self.uris),
            ("IP", &addresses),
        ] {
            for (index, name) in names.iter().enumerate() {
                add(&format!("SAN_{kind}_{index}"), name.clone());
            }
        }
        entries
    }

    fn add(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => self.dns.push((*name).to_string()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_string()),
            GeneralName::URI(name) => self.uris.push((*name).to_string()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok();
                let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok();
                self.addresses.extend(v4.or(v6));
            }
            _ => {}
        }
    }

    /// The names of hosts that it is for; without any, its common name.
    pub fn host_names(&self) -> Vec<String> {
        if self.dns.is_empty() {
            self.common_name.iter().cloned().collect()
        } else {
            self.dns.clone()
        }
    }
}

/// A certificate in PEM (RFC 7468).
pub(super) fn pem(der: &[u8]) -> String {
    let coded = base64(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in coded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let [first, second, third] = three.map(u32::from);
        let bits = first << 16 | second << 8 | third;
        for place in 0..4 {
            if place <= chunk.len() {
                let index = (bits >> (18 - 6 * place)) & 63;
                text.push(char::from(DIGITS[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// A time as OpenSSL writes it: `Jun  1 12:00:00 2030 GMT`.
fn time(unix: i64) -> String {
    let Ok(time) = ASN1Time::from_timestamp(unix) else {
        return String::new();
    };
    let time = time.to_datetime();
    let month = match u8::from(time.month()) {
        1 => "Jan",
        2 => "Feb",
        3 => "Mar",
        4 => "Apr",
        5 => "May",
        6 => "Jun",
        7 => "Jul",
        8 => "Aug",
        9 => "Sep",
        10 => "Oct",
        11 => "Nov",
        _ => "Dec",
    };
    format!(
        "{month} {:2} {:02}:{:02}:{:02} {} GMT",
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.year()
    )
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    // A zero in front only says that the number is positive.
    let bytes = match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// A name as RFC 4514 writes it: the last part first, with escapes.
fn rfc4514(name: &x509_parser::x509::X509Name<'_>) -> String {
    let registry = x509_parser::objects::oid_registry();
    let parts: Vec<String> = name
        .iter_rdn()
        .map(|part| {
            let pairs: Vec<String> = part
                .iter()
                .map(|pair| {
                    let kind = short_name(&pair.attr_type().to_id_string()).map_or_else(
                        || {
                            registry.get(pair.attr_type()).map_or_else(
                                || pair.attr_type().to_id_string(),
                                |entry| entry.sn().to_string(),
                            )
                        },
                        str::to_string,
                    );
                    let value = pair
                        .as_str()
                        .map_or_else(|_| format!("#{}", hexadecimal(pair.as_slice())), escaped);
                    format!("{kind}={value}")
                })
                .collect();
            pairs.join("+")
        })
        .collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// RFC 4514 section 3, and what OpenSSL writes for the rest.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// RFC 4514 section 2.4.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (index, char) in value.chars().enumerate() {
        let special = matches!(char, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || index == 0 && matches!(char, ' ' | '#')
            || index == last && char == ' ';
        if char.is_control() {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                text.push('\\');
                text.push_str(&hexadecimal(&[byte]));
            }
            continue;
        }
        if special {
            text.push('\\');
        }
        text.push(char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        for (value, text) in [
            ("plain", "plain"),
            ("a,b+c", "a\\,b\\+c"),
            (" #x ", "\\ #x\\ "),
            ("#x", "\\#x"),
            ("line\nbreak", "line\\0Abreak"),
            ("", ""),
        ] {
            assert_eq!(escaped(value), text);
        }
        assert_eq!(hexadecimal(&[0, 0x8f, 1]), "8F01");
        assert_eq!(hexadecimal(&[0]), "00");
        assert_eq!(time(0), "Jan  1 00:00:00 1970 GMT");
        assert_eq!(time(1_924_991_999), "Dec 31 23:59:59 2030 GMT");
    }

    #[test]
    fn certificates_are_written_as_pem() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob\xff\xfe", "Zm9vYv/+"),
        ] {
            assert_eq!(base64(bytes), text);
        }
        let text = pem(&[0; 49]);
        assert_eq!(text.lines().map(str::len).max(), Some(64));
        assert_eq!(text.lines().count(), 4);
    }
}
