//! Session tickets (RFC 5077, RFC 8446 section 4.6.1) with keys that all workers share, so that a
//! session goes on with whichever of them accepts the next connection.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rustls::server::ProducesTickets;

/// Bytes of one key as the master makes it: its name, then the key of AES-256-GCM.
pub const KEY: usize = NAME + 32;
const NAME: usize = 16;
/// How long a ticket is good, in seconds. The master changes keys twice as often, and keeps the last
/// one: a ticket is taken for one to two such times.
const LIFETIME_S: u32 = 12 * 3600;

struct Key {
    name: [u8; NAME],
    key: LessSafeKey,
}

/// Makes and opens tickets. The first key makes them; all open them.
pub(super) struct Tickets {
    keys: Vec<Key>,
    /// What a ticket is bound to: a session of a client whose certificate was looked at goes on only
    /// where the same authorities are trusted.
    bound: Vec<u8>,
}

impl Tickets {
    /// `keys`: one after the other, [`KEY`] bytes each.
    pub(super) fn new(keys: &[u8], bound: Vec<u8>) -> Self {
        let keys = keys.chunks_exact(KEY).filter_map(|bytes| {
            let (name, key) = bytes.split_first_chunk()?;
            let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
            Some(Key {
                name: *name,
                key: LessSafeKey::new(key),
            })
        });
        Self {
            keys: keys.collect(),
            bound,
        }
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tickets({} keys)", self.keys.len())
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        !self.keys.is_empty()
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_S
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(NAME + NONCE_LEN + plain.len() + 16);
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let tag = key
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.bound),
                &mut ticket[NAME + NONCE_LEN..],
            )
            .ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = self.keys.iter().find(|key| key.name == *name)?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key
            .key
            .open_in_place(nonce, Aad::from(&self.bound), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[u8]) -> Vec<u8> {
        names.iter().flat_map(|&byte| [byte; KEY]).collect()
    }

    #[test]
    fn a_ticket_is_good_as_long_as_its_key_is_known() {
        let first = Tickets::new(&keys(&[1]), b"a".to_vec());
        let ticket = first.encrypt(b"session").unwrap();
        assert_eq!(first.decrypt(&ticket).unwrap(), b"session");
        let rotated = Tickets::new(&keys(&[2, 1]), b"a".to_vec());
        assert_eq!(rotated.decrypt(&ticket).unwrap(), b"session");
        assert_eq!(first.decrypt(&rotated.encrypt(b"session").unwrap()), None);
        let later = Tickets::new(&keys(&[3, 2]), b"a".to_vec());
        assert_eq!(later.decrypt(&ticket), None);
    }

    #[test]
    fn a_ticket_is_bound_and_whole() {
        let tickets = Tickets::new(&keys(&[1]), b"authorities".to_vec());
        let ticket = tickets.encrypt(b"session").unwrap();
        let other = Tickets::new(&keys(&[1]), b"others".to_vec());
        assert_eq!(other.decrypt(&ticket), None);
        for length in 0..ticket.len() {
            assert_eq!(tickets.decrypt(&ticket[..length]), None);
        }
        for index in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[index] ^= 1;
            assert_eq!(tickets.decrypt(&changed), None);
        }
        assert!(!Tickets::new(&[], Vec::new()).enabled());
    }
}
