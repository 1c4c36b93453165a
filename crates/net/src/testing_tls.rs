//! Certificates and clients with TLS, for tests.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use crate::testing::Rig;
use crate::tls::{ClientCertificates, Listening, Material, Pair, Store, TICKET_KEY, Terms};

/// An authority, and what it has signed.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate for a name, with its key.
    pub(crate) fn pair(&self, name: &str) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "A, B");
        let mail = "a@b.example".try_into().unwrap();
        params.subject_alt_names.push(SanType::Rfc822Name(mail));
        params.serial_number = Some(vec![0x8f, 0x01].into());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            names: Vec::new(),
            chain: certificate.pem().into_bytes(),
            key: key.serialize_der(),
        }
    }

    /// What a client trusts that trusts this one.
    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A client's settings.
    pub(crate) fn client(&self, version: &'static SupportedProtocolVersion) -> ClientConfig {
        ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// The same with a certificate.
    pub(crate) fn client_with(&self, pair: &Pair) -> ClientConfig {
        let chain = rustls::pki_types::pem::PemObject::pem_slice_iter(&pair.chain)
            .collect::<Result<Vec<CertificateDer<'static>>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.key.clone()));
        ClientConfig::builder()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(chain, key)
            .unwrap()
    }
}

/// Settings that ask nothing of clients.
pub(crate) fn terms() -> Terms {
    Terms {
        ciphers: String::new(),
        clients: ClientCertificates::None,
        protocols: Vec::new(),
        tls12: true,
        tls13: true,
    }
}

/// What the master would publish.
pub(crate) fn material(pairs: &[Pair]) -> Material {
    Material {
        tickets: vec![7; TICKET_KEY],
        authorities: Vec::new(),
        pairs: pairs.to_vec(),
    }
}

/// Listeners with such settings, and certificates that are published.
pub(crate) fn listening(terms: Terms, material: &Material) -> Arc<Listening> {
    let store = Store::new().unwrap();
    assert!(store.publish(&material.pack()));
    Arc::new(Listening {
        terms,
        store: Arc::new(store),
    })
}

/// A client that talks to a rig: each step it gives what it has, and the rig takes a turn.
pub(crate) struct SecureClient {
    pub(crate) socket: UnixStream,
    pub(crate) session: ClientConnection,
    pub(crate) received: Vec<u8>,
}

impl SecureClient {
    pub(crate) fn connect(rig: &mut Rig, config: ClientConfig, name: &str) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        rig.accept_tls(ours, false);
        Self::on(theirs, Arc::new(config), name)
    }

    pub(crate) fn on(socket: UnixStream, config: Arc<ClientConfig>, name: &str) -> Self {
        socket.set_nonblocking(true).unwrap();
        let name = ServerName::try_from(name.to_string()).unwrap();
        Self {
            socket,
            session: ClientConnection::new(config, name).unwrap(),
            received: Vec::new(),
        }
    }

    /// Writes and reads as much as goes; an error is the session's.
    pub(crate) fn step(&mut self) -> Result<(), rustls::Error> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => break,
            }
        }
        while self.session.wants_read() {
            match self.session.read_tls(&mut self.socket) {
                Ok(0) => break,
                Ok(_) => {
                    self.session.process_new_packets()?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => break,
            }
            self.take();
        }
        self.take();
        Ok(())
    }

    fn take(&mut self) {
        let mut room = [0; 4096];
        while let Ok(count @ 1..) = self.session.reader().read(&mut room) {
            self.received.extend_from_slice(&room[..count]);
        }
    }

    /// Some steps, each with a turn of the rig.
    pub(crate) fn talk(&mut self, rig: &mut Rig) -> Result<(), rustls::Error> {
        for _ in 0..6 {
            self.step()?;
            rig.turn();
        }
        self.step()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.session.writer().write_all(bytes).unwrap();
    }

    /// Waits for so many bytes in all, from another thread.
    pub(crate) fn wait_for(&mut self, count: usize) {
        self.wait(|client| client.received.len() >= count);
    }

    /// Waits for the server's end.
    pub(crate) fn wait_for_goodbye(&mut self) {
        self.wait(Self::has_goodbye);
    }

    fn wait(&mut self, mut enough: impl FnMut(&mut Self) -> bool) {
        for _ in 0..2000 {
            self.step().unwrap();
            if enough(self) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("what was awaited has not come");
    }

    /// The response is there, and nothing but it.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let got = std::mem::take(&mut self.received);
        assert_eq!(
            String::from_utf8_lossy(&got),
            String::from_utf8_lossy(bytes)
        );
    }

    /// Whether the server has ended TLS in order, and nothing follows.
    pub(crate) fn has_goodbye(&mut self) -> bool {
        let state = self.session.process_new_packets().unwrap();
        state.peer_has_closed()
    }
}
