//! A request of a connection that is with the application, and what is remembered of it there.
//! HTTP/1 has one at a time; with several streams a connection has one of these for each.

use proto::protocol::Protocol;
use proto::{RequestHead, StreamId};

use super::{Conn, Phase, StreamPhase, Streams};
use crate::exchange::{RequestKey, Token};
use crate::incoming::Incoming;
use crate::websocket::{Settings, WebSocket};

/// One request that is with the application, or was the last one that has been.
#[derive(Debug)]
pub(crate) struct Serving {
    /// Which request of its connection.
    pub(crate) stream: StreamId,
    /// Its number in this worker; 0 stands for none.
    pub(crate) id: u64,
    /// Its method is HEAD: a page has no content.
    pub(crate) head_method: bool,
    /// A part of its response was given to the connection.
    pub(crate) begun: bool,
    /// The application waits for something else, and is to be told when the client has gone.
    pub(crate) reports_disconnect: bool,
    /// Its body, if that flows; or what comes through the tunnel that it has become.
    pub(crate) incoming: Option<Box<Incoming>>,
    /// The WebSocket connection that it has become.
    pub(crate) websocket: Option<Box<WebSocket>>,
}

impl Serving {
    /// Before the first request.
    pub(crate) const fn none() -> Self {
        Self {
            stream: StreamId::HTTP1,
            id: 0,
            head_method: false,
            begun: false,
            reports_disconnect: false,
            incoming: None,
            websocket: None,
        }
    }

    /// A request goes to the application. Its body, if that flows, has begun to come.
    #[inline]
    pub(crate) fn begin(&mut self, stream: StreamId, id: u64) {
        self.stream = stream;
        self.id = id;
        self.begun = false;
        self.reports_disconnect = false;
    }

    /// Its name, on connection `token`.
    #[inline]
    pub(crate) fn key(&self, token: Token) -> RequestKey {
        RequestKey {
            connection: token,
            stream: self.stream,
        }
    }
}

impl Conn {
    /// A request goes to the application, with this number; its stream.
    #[inline]
    pub(crate) fn serve(&mut self, id: u64) -> StreamId {
        self.serving.begin(StreamId::HTTP1, id);
        self.phase = Phase::Busy;
        self.serving.stream
    }

    /// Whether the request of this stream is with the application: it owes a response, or what goes
    /// through a tunnel.
    #[inline]
    pub(crate) fn owes(&self, stream: StreamId) -> bool {
        match &self.streams {
            None => self.phase == Phase::Busy && self.serving.stream == stream,
            Some(streams) => {
                let stream = streams.get(stream);
                stream.is_some_and(|stream| stream.phase == StreamPhase::Busy)
            }
        }
    }

    /// Whether the application owes a response to any request of this connection.
    pub(crate) fn owes_any(&self) -> bool {
        let busy = |streams: &Streams| streams.iter().any(|each| each.phase == StreamPhase::Busy);
        self.phase == Phase::Busy || self.streams.as_deref().is_some_and(busy)
    }

    /// The request with this number, if the application still owes it a response.
    #[inline]
    pub(crate) fn served(&mut self, id: u64) -> Option<&mut Serving> {
        let owed = self.phase == Phase::Busy && !self.is_tunnel();
        match &mut self.streams {
            None => (owed && self.serving.id == id).then_some(&mut self.serving),
            Some(streams) => streams.served(id),
        }
    }

    /// The request with this number and name has its answer already: it was over its time. Of a stream
    /// that was reset that is not known.
    #[inline]
    pub(crate) fn is_answered(&mut self, id: u64, key: Option<RequestKey>) -> bool {
        match (&self.streams, key) {
            (Some(streams), Some(key)) => streams
                .get(key.stream)
                .is_some_and(|open| open.phase != StreamPhase::Busy),
            (Some(_), None) => false,
            (None, _) => self.served(id).is_none(),
        }
    }

    /// The request of this stream, if it is with the application.
    #[inline]
    pub(crate) fn serving(&mut self, stream: StreamId) -> Option<&mut Serving> {
        if !self.owes(stream) {
            return None;
        }
        match &mut self.streams {
            None => Some(&mut self.serving),
            Some(streams) => streams.get_mut(stream).map(|stream| &mut stream.serving),
        }
    }

    /// A request's head is complete and its body is not.
    pub(crate) fn in_body(&self) -> bool {
        self.pending.is_some() || self.body_is_open()
    }

    /// The application has a request whose body is still to come.
    pub(crate) fn body_is_open(&self) -> bool {
        self.serving
            .incoming
            .as_ref()
            .is_some_and(|body| !body.ended())
    }

    /// The socket may be read while the application has the request: for its body, or for messages.
    pub(crate) fn wants_bytes(&self, settings: &Settings) -> bool {
        let Serving {
            incoming,
            websocket,
            ..
        } = &self.serving;
        let body = incoming.as_ref().is_some_and(|body| body.wants_bytes());
        let messages = websocket.as_ref();
        let messages = messages.is_some_and(|each| each.wants_bytes(settings));
        body || messages && !self.stalled
    }

    /// The response to `request` has switched: what comes from now on is no HTTP. False: there is more
    /// of the request to come.
    pub(crate) fn leave_http(&mut self, request: &RequestHead) -> bool {
        let left = self.proto.switched(self.serving.stream, request);
        self.serving.begun |= left;
        left
    }

    /// From now on bytes of any kind flow.
    pub(crate) fn begin_tunnel(&mut self) {
        self.serving.incoming = Some(Box::new(Incoming::new(false)));
    }

    /// Nothing more goes through the tunnel; what is queued is still written.
    pub(crate) fn end_tunnel(&mut self) {
        let incoming = self.serving.incoming.take();
        // Then there is no end of the client's to wait for.
        self.had_last_request = incoming.is_some_and(|body| body.ended());
        self.phase = Phase::Closing;
    }

    /// The preface of HTTP/2 has to come next, or the rest of it.
    pub(crate) fn awaits_preface(&self) -> bool {
        self.proto.awaits_preface()
    }

    /// What it speaks.
    pub(crate) fn protocol(&self) -> Protocol {
        self.proto.protocol()
    }

    /// It has left HTTP.
    #[inline]
    pub(crate) fn is_tunnel(&self) -> bool {
        self.proto.is_tunnel()
    }
}
