//! One HTTP/1 connection, seen from the server (RFC 9112): joins the parts below.
//!
//! Receiving: `lines` walks over the head with `request_line` and `field`, `request` completes it with
//! `semantics`; `body`, `chunked` and `trailers` find the end of the body. Sending:
//! `response` carries out commands with `draft`, `encode`, `server` and `error_page`, or with
//! `recorded` for a connection that frames them itself. `redirect` answers where nothing else is
//! served. `state` says what may follow what.

mod body;
mod chunked;
mod draft;
mod encode;
mod error_page;
mod field;
mod framing;
mod lines;
mod misuse;
mod owner;
mod recorded;
mod redirect;
mod request;
mod request_line;
mod response;
mod server;
mod state;
mod trailers;

pub use draft::{BodySize, RequestFacts, ResponseDraft};
pub use encode::{CONTINUE, chunk_bounds, close_chunk, open_chunk, push_decimal, push_padded};
pub use error_page::{PageFacts, busy_page, error_page, unavailable_page};
pub use misuse::Misuse;
pub use recorded::{continue_record, page_records};
pub use redirect::redirect_page;
pub use response::{Ending, Piece, Response, Unsendable};
pub use server::ServerFields;
pub use state::{Command, OutOfTurn, Sending};

use self::body::Body;
use self::lines::{Lines, Progress, Reading};
use self::state::{Got, Receiving};
use crate::chars;
use crate::event::{Event, Received, StreamId};
use crate::head::{RequestHead, Sender};
use crate::limits::Policy;
use crate::reject::Reject;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Connection {
    state: Receiving,
    sender: Sender,
    /// The request in hand does not allow another one.
    last: bool,
    /// The empty line that may precede a request was seen.
    led: bool,
    refused: Option<Reject>,
    lines: Lines,
    body: Body,
}

const _: () = assert!(
    size_of::<Connection>() <= 64,
    "there is one for each idle connection"
);

impl Connection {
    /// A connection that has seen nothing yet; `trusted` says that the peer is in
    /// `forwarded_allow_ips`.
    pub fn new(trusted: bool) -> Self {
        Self::from_peer(trusted, false)
    }

    /// The same; `local` says that the peer is on a unix socket.
    pub fn from_peer(trusted: bool, local: bool) -> Self {
        Self {
            state: Receiving::Idle,
            sender: Sender { trusted, local },
            last: false,
            led: false,
            refused: None,
            lines: Lines::default(),
            body: Body::default(),
        }
    }

    /// Takes one step.
    ///
    /// `input` holds all bytes that were received and not consumed. `eof` says that no more will
    /// come. While a head is incomplete `head` is scratch space; with [`Event::Head`] it is filled.
    /// A head that was filled before is compared first, so it must come from the same policy.
    /// After a refusal every further call gives the same refusal. With one of a head `head` has the
    /// method, if that was read, and nothing else.
    pub fn receive(
        &mut self,
        policy: &Policy,
        input: &[u8],
        eof: bool,
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let outcome = match self.state {
            Receiving::Idle | Receiving::Head => self.receive_head(policy, input, head),
            Receiving::Body => self.receive_body(policy, input),
            Receiving::Done => return Ok(need_more(0)),
            Receiving::Closed => {
                return Ok(Received {
                    consumed: 0,
                    event: Event::Closed,
                });
            }
            Receiving::Switched => {
                return Ok(Received {
                    consumed: 0,
                    event: Event::Switched,
                });
            }
            Receiving::Refused => Err(self.refused.unwrap_or(Reject::IncompleteHead)),
        };
        match outcome {
            Ok(Received {
                consumed,
                event: Event::NeedMore,
            }) if eof => {
                let state = self.state;
                let outcome = self.end(consumed, input.len() - consumed);
                if outcome.is_err() {
                    forget(state, policy, input, head);
                }
                outcome
            }
            Ok(received) => Ok(received),
            Err(reject) => {
                forget(self.state, policy, input, head);
                Err(self.refuse(Got::Fault, reject))
            }
        }
    }

    /// Makes ready for the next request, once [`Event::End`] was given. If the last one does not
    /// allow another, or was not read to its end, the connection is closed instead.
    pub fn next_request(&mut self) {
        self.state = self.state.on(if self.last { Got::Last } else { Got::Next });
        self.led = false;
    }

    /// The response has switched to another protocol: from now on there is only
    /// [`Event::Switched`]. If its request was not read to its end, the connection is closed instead,
    /// and the answer is false.
    pub fn switched(&mut self) -> bool {
        self.state = self.state.on(Got::Switch);
        self.state == Receiving::Switched
    }

    /// The body of this request was received whole, and decoded, by another connection object: its end
    /// is what comes next.
    pub fn body_was_received(&mut self) {
        self.body = Body::default();
    }

    /// Whether bytes of a body, or its end, are still to come.
    pub fn in_body(&self) -> bool {
        self.state == Receiving::Body
    }

    /// Whether nothing of the next request was seen yet.
    pub fn idle(&self) -> bool {
        self.state == Receiving::Idle
    }

    /// Takes [`Event::End`] at once, if the request whose head was just given has no body. True: it
    /// was taken.
    #[inline]
    pub fn ends_with_head(&mut self) -> bool {
        let ends = self.state == Receiving::Body && self.body.is_over();
        if ends {
            self.state = self.state.on(Got::End);
        }
        ends
    }

    fn receive_head(
        &mut self,
        policy: &Policy,
        input: &[u8],
        head: &mut RequestHead,
    ) -> Result<Received, Reject> {
        let mut consumed = 0;
        let mut request = input;
        if front(input, self.led)? == Front::EmptyLine {
            self.led = true;
            consumed = 2;
            request = input.get(2..).unwrap_or_default();
        }
        match front(request, self.led)? {
            Front::Nothing | Front::HalfLine | Front::EmptyLine => {
                return Ok(need_more(consumed));
            }
            Front::Request => {}
        }
        if self.state == Receiving::Idle && head.begins(request, self.sender) {
            self.begin_body(head);
            return Ok(Received {
                consumed: consumed + head.bytes.len(),
                event: Event::Head(StreamId::HTTP1),
            });
        }
        head.complete = None;
        let reading = Reading {
            policy,
            trusted: self.sender.trusted,
            input: request,
        };
        match self.lines.read(reading, head)? {
            Progress::Partial => {
                self.state = self.state.on(Got::Bytes);
                Ok(need_more(consumed))
            }
            Progress::Whole(len) => {
                request::complete(
                    head,
                    request.get(..len).unwrap_or_default(),
                    policy,
                    self.sender,
                )?;
                head.complete = Some(self.sender);
                self.begin_body(head);
                Ok(Received {
                    consumed: consumed + len,
                    event: Event::Head(StreamId::HTTP1),
                })
            }
        }
    }

    fn begin_body(&mut self, head: &RequestHead) {
        self.state = self.state.on(Got::Head);
        self.lines = Lines::default();
        self.last = !head.keep_alive();
        self.body = Body::announced(head.meaning.body);
    }

    fn receive_body(&mut self, policy: &Policy, input: &[u8]) -> Result<Received, Reject> {
        let received = self.body.receive(policy, input)?;
        if matches!(received.event, Event::End(_)) {
            self.state = self.state.on(Got::End);
        }
        Ok(received)
    }

    /// The peer has ended the connection while more was needed, and `left` bytes are left over.
    fn end(&mut self, consumed: usize, left: usize) -> Result<Received, Reject> {
        match (self.state, left) {
            (Receiving::Body, _) => Err(self.refuse(Got::Eof, Reject::IncompleteBody)),
            (Receiving::Idle, 0) => {
                self.state = self.state.on(Got::Eof);
                Ok(Received {
                    consumed,
                    event: Event::Closed,
                })
            }
            _ => Err(self.refuse(Got::Fault, Reject::IncompleteHead)),
        }
    }

    fn refuse(&mut self, got: Got, reject: Reject) -> Reject {
        self.state = self.state.on(got);
        self.refused = Some(reject);
        reject
    }
}

/// The type of the first record of a TLS connection (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What stands where a request should begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    Nothing,
    Request,
    EmptyLine,
    HalfLine,
}

/// Looks at the front of a request. One empty line before it is ignored (RFC 9112, section 2.2);
/// bytes that can never become HTTP are refused at once.
#[inline]
fn front(input: &[u8], led: bool) -> Result<Front, Reject> {
    match input {
        [] => Ok(Front::Nothing),
        [byte, ..] if chars::is_tchar(*byte) => Ok(Front::Request),
        [b'\n', ..] => Err(Reject::BareLineFeed),
        [b'\r', b'\n', ..] if !led => Ok(Front::EmptyLine),
        [b'\r'] if !led => Ok(Front::HalfLine),
        [b'\r', ..] if !led => Err(Reject::BareCarriageReturn),
        [TLS_HANDSHAKE, ..] => Err(Reject::TlsHandshake),
        _ => Err(Reject::InvalidRequestLine),
    }
}

/// Of a head that is refused the method stays.
#[cold]
fn forget(state: Receiving, policy: &Policy, input: &[u8], head: &mut RequestHead) {
    if matches!(state, Receiving::Idle | Receiving::Head) {
        let text = input.strip_prefix(b"\r\n").unwrap_or(input);
        head.refused(request_line::known_method(text, &policy.permissions));
    }
}

/// Reads a head that is whole: `text` from the method to the empty line, and nothing behind it.
pub(crate) fn read_whole(
    text: &[u8],
    policy: &Policy,
    sender: Sender,
    head: &mut RequestHead,
) -> Result<(), Reject> {
    head.complete = None;
    let reading = Reading {
        policy,
        trusted: sender.trusted,
        input: text,
    };
    match Lines::default().read(reading, head)? {
        Progress::Whole(len) if len == text.len() => request::complete(head, text, policy, sender),
        Progress::Whole(_) | Progress::Partial => Err(Reject::InvalidVariables),
    }
}

fn need_more(consumed: usize) -> Received {
    Received {
        consumed,
        event: Event::NeedMore,
    }
}

#[cfg(test)]
mod tests;
