//! What TLS connections are made with: certificates, suites, ticket keys, and what a handshake has
//! come to. The bytes are the business of `stream/tls.rs`.

mod certificates;
mod ciphers;
mod ensemble;
mod failure;
mod identity;
mod keys;
mod resolver;
mod selfsigned;
mod store;
mod tickets;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::server::UnbufferedServerConnection as Session;
use rustls::{HandshakeKind, ServerConfig};

pub use certificates::Certificate;
pub use ensemble::{ClientCertificates, Material, Pair, Terms};
pub(crate) use failure::Failure;
pub use identity::Identity;
pub use keys::{KeyError, private_key};
pub use selfsigned::self_signed;
pub use store::Store;
pub use tickets::KEY as TICKET_KEY;

/// Gives what applications have written on sockets that they took over the time to leave the process,
/// which is about to end.
pub fn settle() {
    crate::stream::tls::settle();
}

/// Listeners with TLS.
pub struct Listening {
    /// What the settings say.
    pub terms: Terms,
    /// Where the master puts certificates and ticket keys.
    pub store: Arc<Store>,
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listening({:?})", self.terms)
    }
}

/// Room for the records of one write: 64 KiB, and what each record adds.
const WIRE: usize = 66 * 1024;

/// Buffers that all connections of a worker use in turn: only the thread that turns the reactor does.
pub(crate) struct Tools(Mutex<Buffers>);

/// What is in use during one call only.
pub(crate) struct Buffers {
    /// Records.
    pub(crate) wire: Vec<u8>,
    /// Plain bytes that were in pieces.
    pub(crate) joined: Vec<u8>,
}

impl Tools {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Buffers {
            wire: vec![0; WIRE],
            joined: Vec::new(),
        }))
    }

    pub(crate) fn buffers(&self) -> MutexGuard<'_, Buffers> {
        // What a panic has left in them is written over.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the server's side of connections, as the certificates and settings of the moment have it.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
    tools: Arc<Tools>,
}

impl Acceptor {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            tools: Arc::new(Tools::new()),
        }
    }

    /// Others from now on, for the handshakes to come.
    pub(crate) fn replace(&mut self, config: Arc<ServerConfig>) {
        self.config = config;
    }

    pub(crate) fn session(&self) -> Result<Session, rustls::Error> {
        Session::new(Arc::clone(&self.config))
    }

    pub(crate) fn tools(&self) -> Arc<Tools> {
        Arc::clone(&self.tools)
    }
}

/// What a handshake has agreed on.
#[derive(Debug)]
pub struct Established {
    /// The application's protocol (RFC 7301), if one was agreed on.
    pub protocol: Option<Vec<u8>>,
    /// It has gone on with an earlier session.
    pub resumed: bool,
    /// The version, as it is written and as a number.
    pub version: (&'static str, u16),
    /// The cipher suite, by OpenSSL's name and as a number.
    pub cipher: (&'static str, u16),
    /// The client's certificate and those that it has sent with it, DER.
    pub chain: Vec<Vec<u8>>,
    /// What its own certificate says.
    pub identity: Option<Identity>,
    /// The same for an application, made when it is first asked for.
    texts: OnceLock<Texts>,
}

/// The client's certificate in text.
#[derive(Debug)]
struct Texts {
    chain: Vec<String>,
    entries: Vec<(String, String)>,
}

impl Established {
    pub(crate) fn of(session: &Session) -> Self {
        let version = session.protocol_version();
        let suite = session.negotiated_cipher_suite();
        let chain: Vec<Vec<u8>> = session
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.as_ref().to_vec())
            .collect();
        Self {
            protocol: session.alpn_protocol().map(<[u8]>::to_vec),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
            version: version.map_or(("", 0), |version| match version {
                rustls::ProtocolVersion::TLSv1_3 => ("TLSv1.3", 0x0304),
                _ => ("TLSv1.2", 0x0303),
            }),
            cipher: suite.map_or(("", 0), |suite| {
                (ciphers::name_of(suite.suite()), u16::from(suite.suite()))
            }),
            identity: chain.first().and_then(|first| Identity::of(first)),
            chain,
            texts: OnceLock::new(),
        }
    }

    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| {
            let chain: Vec<String> = self.chain.iter().map(|der| identity::pem(der)).collect();
            let own = chain.first().zip(self.identity.as_ref());
            let entries = own.map(|(pem, identity)| identity.entries(pem));
            Texts {
                entries: entries.unwrap_or_default(),
                chain,
            }
        })
    }

    /// The client's certificate, and those that it has sent with it, in PEM.
    pub fn chain_pem(&self) -> &[String] {
        &self.texts().chain
    }

    /// What the client's certificate says, by the names of `mod_ssl` (`SSL_CLIENT_…`); none without one.
    pub fn client_entries(&self) -> &[(String, String)] {
        if self.chain.is_empty() {
            return &[];
        }
        &self.texts().entries
    }
}
