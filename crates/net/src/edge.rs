//! What is asked of clients beyond timeouts, where an operator says so: a least rate, and how many
//! connections and requests are too many. Off unless set.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::timer::{Cause, Deadline};

/// The limits; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// `body_min_rate`: bytes of a request body in each second, on average.
    pub body_rate: u64,
    /// `write_min_rate`: bytes of a response that a client takes in each second, on average.
    pub write_rate: u64,
    /// `connections_per_address`: connections of one address at a time.
    pub per_address: u32,
    /// `keepalive_requests`: requests of one connection.
    pub requests: u32,
}

impl Edge {
    /// Whether the request with this number, from 1, is the last one of its connection.
    #[inline]
    pub(crate) fn is_last(&self, number: u32) -> bool {
        self.requests != 0 && number >= self.requests
    }
}

/// Time before a rate counts, in ms: TCP begins slowly.
pub(crate) const GRACE_MS: u64 = 5_000;

/// Bytes since they were awaited.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    /// In monotonic ms, without the time for which nothing was awaited; 0: not begun.
    since_ms: u64,
    /// Since when nothing is awaited; 0: something is.
    paused_ms: u64,
    bytes: u64,
}

/// Those of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meters {
    pub(crate) body: Meter,
    pub(crate) write: Meter,
}

/// What is kept of a connection for limits that are set.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// The address that it counts for.
    pub(crate) counted: Option<Address>,
    meters: Option<Box<Meters>>,
}

impl Watched {
    /// How fast its bytes come and go, from now on.
    pub(crate) fn meters(&mut self) -> &mut Meters {
        self.meters.get_or_insert_default()
    }
}

impl Meter {
    /// Something is awaited from now on.
    pub(crate) fn start(&mut self, now_ms: u64) {
        *self = Self {
            since_ms: now_ms,
            ..Self::default()
        };
    }

    /// The same, or again: time in between does not count.
    pub(crate) fn go_on(&mut self, now_ms: u64) {
        if self.since_ms == 0 {
            self.start(now_ms);
        }
        if self.paused_ms != 0 {
            self.since_ms += now_ms.saturating_sub(self.paused_ms);
            self.paused_ms = 0;
        }
    }

    /// Nothing is awaited from now on.
    pub(crate) fn pause(&mut self, now_ms: u64) {
        if self.since_ms != 0 && self.paused_ms == 0 {
            self.paused_ms = now_ms;
        }
    }

    /// So many bytes have gone through.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// When it falls behind this rate.
    fn behind_at_ms(&self, rate: u64) -> u64 {
        let earned_ms = self.bytes.saturating_mul(1000) / rate.max(1);
        self.since_ms
            .saturating_add(GRACE_MS)
            .saturating_add(earned_ms)
    }

    /// Whether it has fallen behind this rate.
    pub(crate) fn is_behind(&self, rate: u64, now_ms: u64) -> bool {
        rate != 0 && self.since_ms != 0 && self.behind_at_ms(rate) <= now_ms
    }

    /// A deadline that was set, or when it falls behind, if that is earlier.
    pub(crate) fn within(&self, deadline: Deadline, rate: u64) -> Deadline {
        let at_ms = deadline.at_ms().min(self.behind_at_ms(rate));
        Deadline::at(deadline.cause, at_ms)
    }
}

/// The deadline of something awaited: this long without any byte, or the meter's rate.
pub(crate) fn deadline(
    cause: Cause,
    now_ms: u64,
    timeout_ms: u64,
    metered: Option<(&Meter, u64)>,
) -> Deadline {
    let deadline = Deadline::after(cause, now_ms, timeout_ms);
    metered.map_or(deadline, |(meter, rate)| meter.within(deadline, rate))
}

/// Addresses that are counted together: a client of IPv6 has a network of them (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address(IpAddr);

impl Address {
    pub(crate) fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let network = ip.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            ip @ IpAddr::V4(_) => ip,
        })
    }
}

/// How many connections there are of each address.
#[derive(Debug)]
pub(crate) struct Addresses {
    most: u32,
    counts: HashMap<Address, u32>,
    /// When a refusal was told last, in monotonic ms.
    told_ms: u64,
}

/// Refusals are told of once in so many ms.
const TELL_MS: u64 = 1000;

impl Addresses {
    /// None, where there is no limit.
    pub(crate) fn new(most: u32) -> Option<Box<Self>> {
        (most != 0).then(|| {
            Box::new(Self {
                most,
                counts: HashMap::new(),
                told_ms: 0,
            })
        })
    }

    /// One more of this address; false: it has as many as it may.
    pub(crate) fn add(&mut self, address: Address) -> bool {
        let count = self.counts.entry(address).or_default();
        let room = *count < self.most;
        *count += u32::from(room);
        room
    }

    /// One that was added is gone.
    pub(crate) fn take_off(&mut self, address: Address) {
        if let Some(count) = self.counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&address);
            }
        }
    }

    /// Whether a refusal is to be told of now.
    pub(crate) fn tells(&mut self, now_ms: u64) -> bool {
        let due = self.told_ms == 0 || now_ms >= self.told_ms + TELL_MS;
        if due {
            self.told_ms = now_ms;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_from_the_fifth_second_on() {
        let mut meter = Meter::default();
        assert!(!meter.is_behind(100, u64::MAX));
        meter.start(1_000);
        let plain = Deadline::after(Cause::Body, 1_000, 30_000);
        assert_eq!(meter.within(plain, 100).at_ms(), 6_000);
        assert!(!meter.is_behind(100, 5_999));
        assert!(meter.is_behind(100, 6_000));
        assert!(!meter.is_behind(0, u64::MAX));
        // 200 bytes are worth two seconds.
        meter.add(200);
        assert_eq!(meter.within(plain, 100).at_ms(), 8_000);
        meter.add(1 << 40);
        assert_eq!(meter.within(plain, 100).at_ms(), 31_000);
    }

    #[test]
    fn what_is_not_awaited_does_not_count() {
        let mut meter = Meter::default();
        meter.pause(500);
        meter.go_on(1_000);
        meter.pause(2_000);
        meter.pause(3_000);
        meter.go_on(10_000);
        meter.go_on(11_000);
        assert!(!meter.is_behind(1, 13_999));
        assert!(meter.is_behind(1, 14_000));
    }

    #[test]
    fn connections_of_an_address() {
        assert!(Addresses::new(0).is_none());
        let mut addresses = Addresses::new(2).unwrap();
        let of = |text: &str| Address::of(text.parse().unwrap());
        assert!(addresses.add(of("192.0.2.1")));
        assert!(addresses.add(of("::ffff:192.0.2.1")));
        assert!(!addresses.add(of("192.0.2.1")));
        assert!(addresses.add(of("192.0.2.2")));
        addresses.take_off(of("192.0.2.1"));
        assert!(addresses.add(of("192.0.2.1")));
        // A network of IPv6 is one client.
        assert!(addresses.add(of("2001:db8::1")) && addresses.add(of("2001:db8::2")));
        assert!(!addresses.add(of("2001:db8::3")));
        assert!(addresses.add(of("2001:db8:0:1::3")));
        for ip in [
            "192.0.2.1",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::9",
            "2001:db8::9",
        ] {
            addresses.take_off(of(ip));
        }
        assert_eq!(addresses.counts.len(), 1);
        assert!(addresses.tells(5) && !addresses.tells(1_004) && addresses.tells(1_005));
    }
}
