//! What belongs to requests that are not over, by the name of the request.

use std::collections::HashMap;

use proto::StreamId;

use crate::exchange::RequestKey;

/// What belongs to requests that are not over.
pub struct Attended<T> {
    /// Those of HTTP/1, of which a connection has one at a time, by its place.
    alone: Vec<Option<(RequestKey, T)>>,
    /// Those of HTTP/2.
    beside: HashMap<RequestKey, T>,
}

impl<T> Default for Attended<T> {
    fn default() -> Self {
        Self {
            alone: Vec::new(),
            beside: HashMap::new(),
        }
    }
}

impl<T> Attended<T> {
    /// Adds a request. Out comes what has been in its place.
    pub fn insert(&mut self, key: RequestKey, request: T) -> Option<T> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.insert(key, request);
        }
        let place = key.connection.slot();
        if self.alone.len() <= place {
            self.alone.resize_with(place + 1, || None);
        }
        let before = self.alone[place].replace((key, request));
        before.map(|(_, request)| request)
    }

    /// What belongs to a request.
    #[inline]
    pub fn get(&self, key: RequestKey) -> Option<&T> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.get(&key);
        }
        match self.alone.get(key.connection.slot())? {
            Some((known, request)) if *known == key => Some(request),
            _ => None,
        }
    }

    /// Takes a request away.
    pub fn remove(&mut self, key: RequestKey) -> Option<T> {
        if key.stream != StreamId::HTTP1 {
            return self.beside.remove(&key);
        }
        let place = self.alone.get_mut(key.connection.slot())?;
        place
            .take_if(|(known, _)| *known == key)
            .map(|(_, request)| request)
    }

    /// What belongs to each request, in no order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let alone = self.alone.iter().flatten().map(|(_, request)| request);
        alone.chain(self.beside.values())
    }
}

#[cfg(test)]
mod tests {
    use crate::exchange::Token;

    use super::*;

    fn key(connection: u64, stream: u32) -> RequestKey {
        RequestKey {
            connection: Token::from_bits(connection),
            stream: StreamId::new(stream),
        }
    }

    #[test]
    fn each_request_is_found_by_its_own_name() {
        let mut attended = Attended::default();
        let keys = [key(0, 0), key(7, 0), key(2, 1), key(2, 3), key(3, 1)];
        for (number, key) in keys.into_iter().enumerate() {
            assert_eq!(attended.get(key), None);
            assert_eq!(attended.insert(key, number), None);
        }
        for (number, key) in keys.into_iter().enumerate() {
            assert_eq!(attended.get(key), Some(&number));
        }
        assert_eq!(attended.values().count(), keys.len());
        for (number, key) in keys.into_iter().enumerate() {
            assert_eq!(attended.remove(key), Some(number));
            assert_eq!(attended.remove(key), None);
        }
        assert_eq!(attended.values().count(), 0);
    }

    /// The upper half of a token counts the uses of its place.
    #[test]
    fn an_older_connection_in_the_same_place_is_another() {
        let (older, newer) = (key(5, 0), key(5 | 1 << 32, 0));
        let mut attended = Attended::default();
        attended.insert(older, "older");
        assert_eq!(attended.get(newer), None);
        assert_eq!(attended.remove(newer), None);
        assert_eq!(attended.insert(newer, "newer"), Some("older"));
        assert_eq!(attended.get(older), None);
        assert_eq!(attended.remove(older), None);
        assert_eq!(attended.get(newer), Some(&"newer"));
    }
}
