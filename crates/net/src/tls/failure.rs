//! Why a TLS connection cannot go on, in words for the log.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// What ends a TLS connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Its client speaks HTTP without TLS; `head`: its request is HEAD.
    PlainHttp { head: bool },
    /// A message that is longer than any may be.
    TooLong,
    /// A handshake that is not over in time.
    Slow,
    /// In the handshake.
    Handshake(String),
    /// Behind it.
    Records(String),
    /// The peer has broken it off, and has said why.
    Alert(AlertDescription),
}

impl Failure {
    pub(crate) fn of(error: &Error, in_handshake: bool) -> Self {
        let reason = match error {
            Error::AlertReceived(alert) => return Self::Alert(*alert),
            Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
                return Self::TooLong;
            }
            Error::InvalidMessage(_) if in_handshake => {
                "what it sent is no handshake of TLS".to_string()
            }
            Error::NoCertificatesPresented => {
                "it has shown no certificate, and cert_reqs demands one".to_string()
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                "its certificate was signed by none of ca_certs".to_string()
            }
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => "its certificate has expired".to_string(),
            other => other.to_string(),
        };
        if in_handshake {
            Self::Handshake(reason)
        } else {
            Self::Records(reason)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp { .. } => {
                f.write_str("it sent an HTTP request without TLS (answered 400)")
            }
            Self::TooLong => f.write_str("it sent a message that is longer than any may be"),
            Self::Slow => f.write_str("its handshake was not over within header_timeout"),
            Self::Handshake(reason) => write!(f, "the handshake failed: {reason}"),
            Self::Records(reason) => write!(f, "the connection is broken: {reason}"),
            Self::Alert(alert) => write!(f, "the client has broken it off: alert {alert:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_handshake_that_cannot_be_read() {
        for (error, said) in [
            (
                InvalidMessage::HandshakePayloadTooLarge,
                "it sent a message that is longer than any may be",
            ),
            (
                InvalidMessage::InvalidContentType,
                "the handshake failed: what it sent is no handshake of TLS",
            ),
        ] {
            let failure = Failure::of(&Error::InvalidMessage(error), true);
            assert_eq!(failure.to_string(), said);
        }
    }
}
