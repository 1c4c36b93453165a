"""The sync worker: one request at a time, in the main thread."""

from __future__ import annotations

from licorne.workers.engine import EngineWorker
from licorne.workers.overrides import own, replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.http.views import Request
    from licorne.sock import BaseSocket


class SyncWorker(EngineWorker):
    """One request at a time. Slow clients cost it nothing: bodies are read and responses written
    by the engine; only the application keeps it busy, and then `timeout` bounds the request."""

    def handles(self) -> bool:
        """Whether a subclass has its own `handle_request`."""
        return replaced(type(self), "handle_request")

    def hand_over(self, request: Request) -> None:
        """Call the `handle_request` of a subclass."""
        self.handle_request(self.sockets[0], request, request.socket, request.remote_addr)

    def call_handle(self, request: Request) -> None:
        """Call the `handle` of a tracer."""
        self.handle(self.sockets[0], request.socket, request.remote_addr)

    @own
    def handle(self, _listener: BaseSocket, _client: socket.socket, _addr: object) -> None:
        """Run the application for one request; for tracers to replace."""
        self.handle_in_hand()

    @own
    def handle_request(
        self, _listener: BaseSocket, req: Request, _client: socket.socket, _addr: object
    ) -> None:
        """Run the application for one request; for subclasses to extend."""
        self.run_exchange(req)
