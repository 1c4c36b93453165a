"""nghttp2's view, by its library: a server session without a socket."""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import (
    CFUNCTYPE,
    POINTER,
    byref,
    c_int,
    c_int32,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_void_p,
)

from differential.frames import HEADERS, RST_STREAM, frames
from differential.views import STREAMS, UNSAID, Event, Fields, Step, asked, joined, request

END_STREAM, NO_COPY_EOF, DEFERRED = 1, 1, -508


class Header(ctypes.Structure):
    """nghttp2_frame_hd, and the error code of RST_STREAM behind it."""

    _fields_ = [
        ("length", c_size_t),
        ("stream", c_int32),
        ("kind", c_uint8),
        ("flags", c_uint8),
        ("reserved", c_uint8),
        ("code", c_uint32),
    ]


class Pair(ctypes.Structure):
    """nghttp2_nv."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("value", ctypes.c_char_p),
        ("name_length", c_size_t),
        ("value_length", c_size_t),
        ("flags", c_uint8),
    ]


class Setting(ctypes.Structure):
    """nghttp2_settings_entry."""

    _fields_ = [("number", c_int32), ("value", c_uint32)]


ON_FRAME = CFUNCTYPE(c_int, c_void_p, POINTER(Header), c_void_p)
ON_HEADER = CFUNCTYPE(
    c_int, c_void_p, POINTER(Header), POINTER(c_uint8), c_size_t, POINTER(c_uint8), c_size_t,
    c_uint8, c_void_p,
)  # fmt: skip
ON_DATA = CFUNCTYPE(c_int, c_void_p, c_uint8, c_int32, POINTER(c_uint8), c_size_t, c_void_p)
ON_CLOSE = CFUNCTYPE(c_int, c_void_p, c_int32, c_uint32, c_void_p)
READ = CFUNCTYPE(
    c_ssize_t, c_void_p, c_int32, POINTER(c_uint8), c_size_t, POINTER(c_uint32), c_void_p, c_void_p
)


class Provider(ctypes.Structure):
    """nghttp2_data_provider."""

    _fields_ = [("source", c_void_p), ("read", READ)]


def library() -> ctypes.CDLL | None:
    """libnghttp2, if it is installed."""
    name = ctypes.util.find_library("nghttp2")
    if name is None:
        return None
    found = ctypes.CDLL(name)
    found.nghttp2_session_mem_recv.restype = c_ssize_t
    found.nghttp2_session_mem_recv.argtypes = [c_void_p, ctypes.c_char_p, c_size_t]
    found.nghttp2_session_mem_send.restype = c_ssize_t
    found.nghttp2_session_mem_send.argtypes = [c_void_p, POINTER(POINTER(c_uint8))]
    found.nghttp2_session_consume.argtypes = [c_void_p, c_int32, c_size_t]
    found.nghttp2_session_del.argtypes = [c_void_p]
    found.nghttp2_session_resume_data.argtypes = [c_void_p, c_int32]
    found.nghttp2_submit_response.argtypes = [
        c_void_p, c_int32, POINTER(Pair), c_size_t, POINTER(Provider),
    ]  # fmt: skip
    return found


class Nghttp2:
    """A server session of nghttp2."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self._lib = lib
        self._events: list[Event] = []
        self._fields: dict[int, Fields] = {}
        self._asked: dict[int, int | None] = {}
        self._owed: dict[int, int] = {}
        self._heads: set[int] = set()
        self._failed = False
        # The library calls these as long as the session lives.
        self._calls = {
            "on_begin_headers": ON_FRAME(self._begin),
            "on_header": ON_HEADER(self._header),
            "on_frame_recv": ON_FRAME(self._frame),
            "on_data_chunk_recv": ON_DATA(self._data),
            "on_stream_close": ON_CLOSE(self._close),
        }
        self._provider = Provider(None, READ(self._read))
        callbacks, option = c_void_p(), c_void_p()
        lib.nghttp2_session_callbacks_new(byref(callbacks))
        for name, call in self._calls.items():
            getattr(lib, f"nghttp2_session_callbacks_set_{name}_callback")(callbacks, call)
        lib.nghttp2_option_new(byref(option))
        lib.nghttp2_option_set_no_auto_window_update(option, 1)
        self._session = c_void_p()
        lib.nghttp2_session_server_new2(byref(self._session), callbacks, None, option)
        lib.nghttp2_option_del(option)
        lib.nghttp2_session_callbacks_del(callbacks)
        settings = (Setting * 1)(Setting(3, STREAMS))
        lib.nghttp2_submit_settings(self._session, c_uint8(0), settings, c_size_t(1))
        self._sent()

    def __del__(self) -> None:
        self._lib.nghttp2_session_del(self._session)

    def feed(self, data: bytes) -> Step:
        """What comes of some bytes."""
        self._events = []
        taken = 0
        if not self._failed:
            taken = self._lib.nghttp2_session_mem_recv(self._session, data, len(data))
        step = Step(joined(self._events), frames(self._sent()))
        if taken < 0 and step.failure is None:
            step.sent.append(UNSAID)
        self._failed = step.failure is not None
        return step

    def _sent(self) -> bytes:
        """What goes out."""
        sent, data = b"", POINTER(c_uint8)()
        while (length := self._lib.nghttp2_session_mem_send(self._session, byref(data))) > 0:
            sent += ctypes.string_at(data, length)
        return sent

    def _begin(self, _session: int, header: ctypes._Pointer[Header], _data: int) -> int:
        self._fields[header.contents.stream] = []
        return 0

    def _header(
        self,
        _session: int,
        header: ctypes._Pointer[Header],
        name: ctypes._Pointer[c_uint8],
        name_length: int,
        value: ctypes._Pointer[c_uint8],
        value_length: int,
        *_more: int,
    ) -> int:
        pair = ctypes.string_at(name, name_length), ctypes.string_at(value, value_length)
        fields = self._fields[header.contents.stream]
        fields.append((pair[0].decode("latin-1"), pair[1].decode("latin-1")))
        return 0

    def _frame(self, session: int, header: ctypes._Pointer[Header], _data: int) -> int:
        kind, stream, flags = header.contents.kind, header.contents.stream, header.contents.flags
        if kind == HEADERS and stream not in self._heads:
            self._heads.add(stream)
            fields = self._fields[stream]
            self._events.append(Event("head", stream, fields=request(fields)))
            self._asked[stream] = asked(fields)
        if kind <= 1 and flags & END_STREAM:
            self._events.append(Event("end", stream))
            count = self._asked[stream]
            if count is not None:
                self._owed[stream] = count
                status = (Pair * 1)(Pair(b":status", b"200", 7, 3, 0))
                provider = byref(self._provider)
                self._lib.nghttp2_submit_response(session, stream, status, 1, provider)
        if kind == RST_STREAM:
            self._events.append(Event("reset", stream))
        return 0

    def _data(
        self,
        session: int,
        _flags: int,
        stream: int,
        data: ctypes._Pointer[c_uint8],
        length: int,
        _user: int,
    ) -> int:
        self._events.append(Event("data", stream, ctypes.string_at(data, length)))
        if self._asked[stream] is not None:
            self._lib.nghttp2_session_consume(session, stream, length)
        return 0

    def _close(self, _session: int, stream: int, _code: int, _data: int) -> int:
        self._owed.pop(stream, None)
        return 0

    def _read(
        self,
        _session: int,
        stream: int,
        buffer: ctypes._Pointer[c_uint8],
        length: int,
        flags: ctypes._Pointer[c_uint32],
        *_more: int,
    ) -> int:
        count = min(self._owed[stream], length)
        ctypes.memset(buffer, ord("x"), count)
        self._owed[stream] -= count
        if not self._owed[stream]:
            flags[0] |= NO_COPY_EOF
        return count
