//! What the tests of this crate share: a clock that stands still until a test moves it, a reactor
//! whose clients are the other ends of socket pairs, and an application that answers when told to.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use proto::Policy;

use crate::body::BodyStore;
use crate::clock;
use crate::config::Config;
use crate::exchange::Exchange;
use crate::notice::Notice;
use crate::output::Shared;
use crate::overdue::TimeLimits;
use crate::path_limits::PathLimits;
use crate::peer::Peer;
use crate::poll::Events;
use crate::reactor::{Reactor, Tail};
use crate::scoreboard::Scoreboard;
use crate::stream::Stream;

/// Where a clock that was stopped begins, in ms.
pub(crate) const START_MS: u64 = 1_000_000;
/// Limit for reads of clients; for hangs only.
const PATIENCE: Duration = Duration::from_secs(20);

thread_local! {
    static STOPPED_NS: Cell<u64> = const { Cell::new(0) };
    static USED_NS: Cell<u64> = const { Cell::new(0) };
}

/// The processor time that the process has used, as far as this thread's test is concerned.
pub(crate) fn used_ns() -> u64 {
    USED_NS.get()
}

/// Sets it.
pub(crate) fn set_used_ns(used_ns: u64) {
    USED_NS.set(used_ns);
}

/// The time of a clock that this thread's test has stopped.
pub(crate) fn stopped_ns() -> Option<u64> {
    let now_ns = STOPPED_NS.get();
    (now_ns != 0).then_some(now_ns)
}

/// Sets the clock of this thread; it stands still from now on.
pub(crate) fn set_clock_ns(now_ns: u64) {
    STOPPED_NS.set(now_ns);
}

/// Stops the clock of this thread.
pub(crate) fn stop_clock() {
    set_clock_ns(START_MS * 1_000_000);
}

/// Lets the stopped clock go on for so long.
pub(crate) fn pass_ms(ms: u64) {
    set_clock_ns(clock::monotonic_ns() + ms * 1_000_000);
}

/// The settings of a worker with one thread, alone with its listeners.
pub(crate) fn config() -> Config {
    Config {
        policy: Policy::default(),
        body: Arc::new(BodyStore::new(1 << 20, std::env::temp_dir())),
        flowing_bodies: false,
        gathers: false,
        websocket: crate::websocket::Settings::default(),
        keepalive_ms: 2_000,
        header_timeout_ms: 10_000,
        body_timeout_ms: 20_000,
        write_timeout_ms: 30_000,
        limits: TimeLimits::default(),
        queue_limits: PathLimits::default(),
        threads: 1,
        polled: false,
        handover: None,
        max_connections: 0,
        siblings: false,
        parent: 0,
        signal_fd: None,
        signal_relay_fd: None,
        master_fd: None,
        grace_ms: 30_000,
        beat_ms: 1_000,
        standin_beats: true,
        timed: false,
        tls: None,
        hsts: None,
        redirects: crate::config::Redirects::default(),
        edge: crate::edge::Edge::default(),
    }
}

/// Bytes that stay where they are.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Shared for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A reactor with a stopped clock.
pub(crate) struct Rig {
    pub(crate) reactor: Reactor,
    pub(crate) board: Arc<Scoreboard>,
    pub(crate) slot: usize,
    events: Events,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With changed settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(&[], change)
    }

    /// With a listener that clients connect to.
    pub(crate) fn listening(change: impl FnOnce(&mut Config)) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        (Self::on(&[listener.as_raw_fd()], change), listener)
    }

    fn on(listeners: &[RawFd], change: impl FnOnce(&mut Config)) -> Self {
        stop_clock();
        let mut config = config();
        change(&mut config);
        let board = Arc::new(Scoreboard::new(1, config.threads).unwrap());
        Self::in_slot(config, listeners, board, 0)
    }

    fn in_slot(config: Config, listeners: &[RawFd], board: Arc<Scoreboard>, slot: usize) -> Self {
        board.reset(slot);
        let reactor = Reactor::new(config, listeners, Arc::clone(&board), slot).unwrap();
        Self {
            reactor,
            board,
            slot,
            events: Events::new(),
        }
    }

    /// Two workers that have loaded the application and hand connections to each other.
    pub(crate) fn siblings(change: impl Fn(&mut Config)) -> [Self; 2] {
        stop_clock();
        let (put, take) = queue_ends();
        let board = Arc::new(Scoreboard::new(2, config().threads).unwrap());
        let rigs = [0, 1].map(|slot| {
            let mut config = config();
            config.handover = Some((put.as_raw_fd(), take.as_raw_fd()));
            change(&mut config);
            Self::in_slot(config, &[], Arc::clone(&board), slot)
        });
        board.mark_ready(0);
        board.mark_ready(1);
        rigs
    }

    /// A client on a socket pair.
    pub(crate) fn connect(&mut self) -> Client<UnixStream> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = Stream::plain(OwnedFd::from(ours));
        self.reactor.add_connection(stream, Peer::Unix, 0);
        Client(theirs)
    }

    /// The same, where the kernel takes few bytes at a time.
    pub(crate) fn connect_narrow(&mut self) -> Client<UnixStream> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        narrow(&ours);
        let stream = Stream::plain(OwnedFd::from(ours));
        self.reactor.add_connection(stream, Peer::Unix, 0);
        Client(theirs)
    }

    /// A client over TCP, accepted already.
    pub(crate) fn connect_tcp(&mut self) -> Client<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::to(&listener);
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let stream = Stream::plain(OwnedFd::from(ours));
        let address = client.0.local_addr().unwrap();
        let peer = Peer::Tcp(address.ip(), address.port());
        self.reactor.add_connection(stream, peer, 0);
        client
    }

    /// The server's end of a connection with TLS, where the kernel takes few bytes at a time.
    pub(crate) fn accept_tls(&mut self, ours: UnixStream, slow: bool) {
        ours.set_nonblocking(true).unwrap();
        if slow {
            narrow(&ours);
        }
        let stream = self.reactor.transport(OwnedFd::from(ours), 0).unwrap();
        self.reactor.add_connection(stream, Peer::Unix, 0);
    }

    /// One turn without a wait.
    pub(crate) fn turn(&mut self) {
        let poller = self.reactor.poller();
        poller.wait(&mut self.events, Some(0)).unwrap();
        self.reactor.harvest(&mut self.events);
        self.reactor.process(usize::MAX);
        self.reactor.end_turn();
    }

    /// The oldest complete request, after a turn.
    pub(crate) fn take(&mut self) -> Option<Box<Exchange>> {
        self.turn();
        self.next()
    }

    /// The oldest complete request that was read already.
    pub(crate) fn next(&mut self) -> Option<Box<Exchange>> {
        let mut exchange = loop {
            let oldest = self.reactor.inbox.pop_front()?;
            if let Some(exchange) = self.reactor.admit(oldest) {
                break exchange;
            }
        };
        exchange.started_ns = clock::monotonic_ns();
        exchange.begun = true;
        self.board
            .begin(self.slot, exchange.entry, exchange.started_ns, 1, 0);
        Some(exchange)
    }

    /// The application's answer, whole.
    pub(crate) fn answer(&mut self, mut exchange: Box<Exchange>, bytes: &[u8], keep: bool) {
        exchange.out.extend_from_slice(bytes);
        self.finish(exchange, Tail::None, keep);
    }

    /// The end of an answer whose beginning is in `exchange.out` or was given before.
    pub(crate) fn finish(&mut self, exchange: Box<Exchange>, tail: Tail<Bytes>, keep: bool) {
        let entry = exchange.entry;
        self.reactor.finish(exchange, tail, keep);
        self.board.end(self.slot, entry);
    }

    /// What the error log would be told.
    pub(crate) fn notices(&mut self) -> Vec<String> {
        let notices = self.reactor.notices.take();
        let texts = notices.into_iter().filter_map(|notice| match notice {
            Notice::Text(_, text) => Some(text),
            Notice::Unserved(_) => None,
        });
        texts.collect()
    }
}

/// The ends of a queue between workers, as the master makes it.
pub(crate) fn queue_ends() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors, which nothing else owns.
    let [put, take] = unsafe {
        let kind = libc::SOCK_SEQPACKET;
        let made = libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr());
        assert_eq!(made, 0);
        ends.map(|fd| OwnedFd::from_raw_fd(fd))
    };
    (put, take)
}

/// Has the kernel keep as little as it can of what was written and not read.
fn narrow(stream: &UnixStream) {
    let least: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap();
    // SAFETY: the value is readable for its length.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw const least).cast(),
            length,
        )
    };
    assert_eq!(result, 0);
}

/// The other end of a connection.
pub(crate) struct Client<S>(pub(crate) S);

impl Client<TcpStream> {
    pub(crate) fn to(listener: &TcpListener) -> Self {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        let now = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        let length = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap();
        // SAFETY: the value is readable for its length.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const now).cast(),
                length,
            )
        };
        assert_eq!(result, 0);
    }
}

impl Client<UnixStream> {
    /// Says that it will send no more.
    pub(crate) fn send_end(&self) {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
    }
}

impl<S: Read + Write + AsRawFd> Client<S> {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// So many bytes.
    pub(crate) fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whether the response is there, and nothing but it.
    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let got = self.receive(bytes.len());
        assert_eq!(
            String::from_utf8_lossy(&got),
            String::from_utf8_lossy(bytes)
        );
        assert!(self.is_quiet());
    }

    /// Everything as far as the server's end.
    pub(crate) fn receive_all(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// What is there now; `None` for the server's end.
    pub(crate) fn receive_some(&mut self) -> Option<Vec<u8>> {
        let mut room = vec![0; 256 * 1024];
        // SAFETY: `room` is writable for its length.
        let count = unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                room.as_mut_ptr().cast(),
                room.len(),
                libc::MSG_DONTWAIT,
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            return Some(Vec::new());
        }
        room.truncate(count.unsigned_abs());
        (count > 0).then_some(room)
    }

    /// Nothing is there, and the connection is open.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.receive_some().is_some_and(|bytes| bytes.is_empty())
    }

    /// The server has ended the connection, with nothing before that.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.receive_some().is_none()
    }
}
