//! What a server shows and demands, put together: settings, certificates, authorities, ticket keys.

use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::certificates::{self, Certificate};
use super::ciphers;
use super::resolver::Resolver;
use super::tickets::Tickets;

/// Whether clients have to show a certificate (`cert_reqs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// One that is shown has to be good.
    Optional,
    /// One is demanded.
    Required,
}

/// What the settings say; it does not change while a worker runs.
#[derive(Clone, Debug)]
pub struct Terms {
    /// As OpenSSL writes lists of ciphers; empty for all.
    pub ciphers: String,
    /// What clients have to show.
    pub clients: ClientCertificates,
    /// The applications' protocols (RFC 7301), the preferred one first.
    pub protocols: Vec<Vec<u8>>,
    /// TLS 1.2 is spoken.
    pub tls12: bool,
    /// TLS 1.3 is spoken.
    pub tls13: bool,
}

/// A certificate with its key.
#[derive(Clone, Default)]
pub struct Pair {
    /// Names that it is shown for; with none of them, for those that it says itself.
    pub names: Vec<String>,
    /// The chain, PEM.
    pub chain: Vec<u8>,
    /// The key, PKCS #8.
    pub key: Vec<u8>,
}

/// What the master has read and made; it changes while workers run.
#[derive(Clone, Default)]
pub struct Material {
    /// Keys of tickets ([`super::TICKET_KEY`] bytes each), the one in use first.
    pub tickets: Vec<u8>,
    /// Certificates of the authorities that clients' certificates are from, PEM.
    pub authorities: Vec<u8>,
    /// The first is shown where none fits.
    pub pairs: Vec<Pair>,
}

impl Material {
    /// As bytes, for [`super::Store`].
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut field = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        field(&self.tickets);
        field(&self.authorities);
        for pair in &self.pairs {
            field(pair.names.join("\n").as_bytes());
            field(&pair.chain);
            field(&pair.key);
        }
        out
    }

    /// The other way round. `None`: these are not such bytes.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut material = Self {
            tickets: field(&mut rest)?.to_vec(),
            authorities: field(&mut rest)?.to_vec(),
            pairs: Vec::new(),
        };
        while !rest.is_empty() {
            let names = std::str::from_utf8(field(&mut rest)?).ok()?;
            material.pairs.push(Pair {
                names: names
                    .split('\n')
                    .filter(|name| !name.is_empty())
                    .map(str::to_string)
                    .collect(),
                chain: field(&mut rest)?.to_vec(),
                key: field(&mut rest)?.to_vec(),
            });
        }
        Some(material)
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (bytes, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

impl Terms {
    /// Whether everything works together.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn check(&self, material: &Material) -> Result<(), String> {
        self.config(material).map(|_| ())
    }

    /// Puts everything together.
    ///
    /// # Errors
    /// A sentence that says what does not work.
    pub(crate) fn config(&self, material: &Material) -> Result<Arc<ServerConfig>, String> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites =
            ciphers::choose(&self.ciphers).map_err(|error| format!("ciphers: {error}"))?;
        let provider = Arc::new(provider);
        let mut versions: Vec<&'static SupportedProtocolVersion> = Vec::new();
        versions.extend(self.tls13.then_some(&version::TLS13));
        versions.extend(self.tls12.then_some(&version::TLS12));
        let clients: Arc<dyn ClientCertVerifier> = match self.clients {
            ClientCertificates::None => WebPkiClientVerifier::no_client_auth(),
            demand => {
                let roots = Arc::new(authorities(&material.authorities)?);
                let builder =
                    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let builder = match demand {
                    ClientCertificates::Required => builder,
                    _ => builder.allow_unauthenticated(),
                };
                builder
                    .build()
                    .map_err(|error| format!("ca_certs: {error}"))?
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| format!("ciphers: {error}"))?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(resolver(&material.pairs)?));
        // The order is that of `ciphers`, or ours.
        config.ignore_client_order = true;
        config.alpn_protocols.clone_from(&self.protocols);
        // Nothing is kept of sessions here: the tickets hold them.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::new(Tickets::new(&material.tickets, self.bound(material)));
        // A client that goes on with a session gets another ticket anyway.
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }

    /// What a session is bound to: what clients were asked for, and which authorities were trusted.
    fn bound(&self, material: &Material) -> Vec<u8> {
        use aws_lc_rs::digest::{SHA256, digest};
        match self.clients {
            ClientCertificates::None => b"none".to_vec(),
            demand => {
                let trusted = digest(&SHA256, &material.authorities);
                [format!("{demand:?}").as_bytes(), trusted.as_ref()].concat()
            }
        }
    }
}

fn resolver(pairs: &[Pair]) -> Result<Resolver, String> {
    let mut resolver: Option<Resolver> = None;
    for pair in pairs {
        let certificate = Certificate::parse(&pair.chain)?;
        let names = if pair.names.is_empty() {
            certificate.identity().host_names()
        } else {
            pair.names.clone()
        };
        let key = certificate.with_key(&pair.key)?;
        let resolver = resolver.get_or_insert_with(|| Resolver::new(Arc::clone(&key)));
        // A server with one certificate shows it whatever the name.
        if pairs.len() > 1 {
            for name in names {
                resolver.add(&name, &key);
            }
        }
    }
    resolver.ok_or_else(|| "certfile: there is no certificate".to_string())
}

/// The authorities of a PEM file.
fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates::chain(pem).map_err(|error| format!("ca_certs: {error}"))? {
        roots
            .add(certificate)
            .map_err(|error| format!("ca_certs: a certificate cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("ca_certs: no certificate in PEM is in it".to_string());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_goes_through_bytes() {
        let material = Material {
            tickets: vec![1, 2, 3],
            authorities: Vec::new(),
            pairs: vec![
                Pair::default(),
                Pair {
                    names: vec!["a.example".into(), "*.b.example".into()],
                    chain: b"chain".to_vec(),
                    key: b"key".to_vec(),
                },
            ],
        };
        let bytes = material.pack();
        let read = Material::unpack(&bytes).unwrap();
        assert_eq!(read.pairs[1].names, material.pairs[1].names);
        assert_eq!(read.pack(), bytes);
        for length in 1..bytes.len() {
            // A field that is cut, or one whole pair less.
            let cut = Material::unpack(&bytes[..length]);
            assert!(cut.is_none_or(|cut| cut.pairs.len() < 2), "{length}");
        }
    }
}
