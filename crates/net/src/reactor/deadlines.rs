//! Connections whose deadline has passed.

use super::Reactor;
use super::reading::own_key;
use crate::conn::Phase;
use crate::exchange::Token;
use crate::notice::Level;
use crate::timer::Cause;

impl Reactor {
    /// Ends what has waited too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let mut expired = Vec::new();
        for (token, conn) in self.conns.iter() {
            if conn.deadline.expired(now_ms) {
                let streams = conn.streams.is_some() && conn.phase == Phase::Reading;
                expired.push((token, conn.deadline.cause, streams));
            } else {
                self.scan.note(conn.deadline);
            }
        }
        for (token, cause, streams) in expired {
            if matches!(cause, Cause::Header | Cause::Body) && self.goes_on(token, now_ms, streams)
            {
                continue;
            }
            let idle = self.conns.get_mut(token).is_some_and(|conn| conn.idle());
            match cause {
                _ if streams => self.expire_streams(token, now_ms),
                Cause::None => {}
                Cause::Handshake => self.on_slow_handshake(token),
                Cause::Header | Cause::Body if !idle => {
                    self.refuse(token, proto::Reject::RequestTimeout);
                }
                Cause::Write => {
                    let rate = self.config.edge.write_rate;
                    let conn = self.conns.get_mut(token).filter(|_| rate != 0);
                    let slow = conn
                        .is_some_and(|conn| conn.watched.meters().write.is_behind(rate, now_ms));
                    if slow {
                        let text =
                            "A client read its response more slowly than write_min_rate; closed";
                        self.notices.push(Level::Warning, text.into());
                    } else {
                        self.tell_of_slow_reader();
                    }
                    self.remove(token);
                }
                Cause::Header | Cause::Body | Cause::KeepAlive => self.end_idle(token),
                Cause::Linger => self.remove(token),
                Cause::Silence => self.on_silence(own_key(token)),
                Cause::Closing => self.on_unanswered_close(own_key(token)),
                Cause::Leaving => self.go_away_now(token),
            }
        }
    }

    /// Whether what was awaited has come, and was not read yet: the poller tells of bodies late (see
    /// `Conn::pace_wakes`), and this worker may have had much else to do.
    fn goes_on(&mut self, token: Token, now_ms: u64, streams: bool) -> bool {
        self.read(token);
        let conn = self.conns.get_mut(token);
        conn.is_none_or(|conn| {
            let has_body = conn.deadline.cause == Cause::Body && !conn.in_body() && !streams;
            has_body || !conn.deadline.expired(now_ms)
        })
    }
}
