//! Which certificate a client is shown: by the name that it asks for (SNI, RFC 6066 section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates by name. The first is shown to clients that ask for another name, or for none.
#[derive(Debug)]
pub(super) struct Resolver {
    first: Arc<CertifiedKey>,
    /// By name in small letters; `*.` stands for one label (RFC 9525 section 6.3).
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl Resolver {
    pub(super) fn new(first: Arc<CertifiedKey>) -> Self {
        Self {
            first,
            named: HashMap::new(),
        }
    }

    /// Shows a certificate to clients that ask for `name`; the first one given for a name counts.
    pub(super) fn add(&mut self, name: &str, key: &Arc<CertifiedKey>) {
        let name = name.to_ascii_lowercase();
        self.named.entry(name).or_insert_with(|| Arc::clone(key));
    }

    fn find(&self, name: &str) -> &Arc<CertifiedKey> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let wild = || {
            let (_, parent) = name.split_once('.')?;
            self.named.get(&format!("*.{parent}"))
        };
        self.named.get(&name).or_else(wild).unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = match hello.server_name() {
            Some(name) if !self.named.is_empty() => self.find(name),
            _ => &self.first,
        };
        Some(Arc::clone(key))
    }
}
