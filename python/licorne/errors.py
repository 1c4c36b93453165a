"""The exceptions that a caller can do something about.

Each message says what is wrong, with which value, from where, and what to do.
"""


class ConfigError(Exception):
    """A setting cannot be used as it was given."""


class SettingError(ConfigError, TypeError, ValueError):
    """A value was refused: where gunicorn's `cfg.set` raises one of the last two."""


class AppImportError(Exception):
    """The application named by the user cannot be found or is not an application."""


class StartFailed(Exception):  # noqa: N818 - what has happened, as HaltServer
    """The application was loaded and cannot be served; the message is for its author."""


class ConnectionClosed(ConnectionError):  # noqa: N818 - what has happened, as HaltServer
    """A WebSocket connection has ended: what `environ["licorne.websocket"]` raises then.

    `code` and `reason` are those of the client's close frame (RFC 6455, section 7.1.5): 1005 if it
    had no code, 1006 if none came. Where the server has ended it, they are its own: 1001 at a stop.
    `code` is None as long as messages wait that came before the end.
    """

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        code = "" if self.code is None else f" with code {self.code}"
        reason = f": {self.reason}" if self.reason else ""
        return f"the WebSocket connection is closed{code}{reason}"


class HaltServer(BaseException):
    """The master must stop with a reason and an exit status.

    Not an `Exception`: no user code that catches broadly may keep the server alive.
    """

    def __init__(self, reason: str, exit_status: int = 1) -> None:
        super().__init__(reason, exit_status)
        self.reason = reason
        self.exit_status = exit_status

    def __str__(self) -> str:
        return f"<HaltServer {self.reason!r} {self.exit_status}>"
