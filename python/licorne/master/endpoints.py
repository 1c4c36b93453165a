"""The sockets at which the master itself serves clients: control and metrics, where configured."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.config import Config
    from licorne.ctl.server import ControlServer
    from licorne.metrics.endpoint import Legacy
    from licorne.metrics.server import MetricsServer


class Endpoints:
    """Made when the configuration asks for them: a server without them loads none of their code."""

    def __init__(
        self,
        make_control: Callable[[], ControlServer],
        make_metrics: Callable[[str], MetricsServer],
    ) -> None:
        """`make_metrics` is given what an old master has left (`metrics.endpoint`)."""
        self._make_control = make_control
        self._make_metrics = make_metrics
        self._control: ControlServer | None = None
        self._metrics: MetricsServer | None = None

    def start_metrics(self, cfg: Config, left: str) -> None:
        """Serve metrics from the start of the server on, or take them over from an old master."""
        if cfg.metrics_bind or left:
            self._metrics = self._make_metrics(left)
            self._metrics.start(cfg)

    def follow_metrics(self, cfg: Config) -> None:
        """Serve metrics where the configuration says, after a reload."""
        if self._metrics is None and cfg.metrics_bind:
            self._metrics = self._make_metrics("")
        if self._metrics is not None:
            self._metrics.follow(cfg)

    def follow_control(self, cfg: Config) -> None:
        """Have the control socket that the configuration asks for."""
        if self._control is None:
            if cfg.control_socket_disable:
                return
            self._control = self._make_control()
        self._control.follow(cfg)

    def bequeath_metrics(self) -> Legacy | None:
        """What a new master is to take over; OSError if there is no descriptor for it."""
        return None if self._metrics is None else self._metrics.bequeath()

    def hand_over(self) -> None:
        """This master stops: if there is a new one, that one answers from now on."""
        if self._metrics is not None:
            self._metrics.hand_over()

    def wake_after(self, now: float) -> list[float | None]:
        """Seconds until clients are to be looked after, for each endpoint."""
        return [each.wake_after(now) for each in self._all()]

    def look_after(self, now: float) -> None:
        """Send clients away whose time is over."""
        for each in self._all():
            each.look_after(now)

    def close(self) -> None:
        """Send all clients away and stop listening."""
        for each in self._all():
            each.close()

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        for each in self._all():
            each.leave()

    def _all(self) -> list[ControlServer | MetricsServer]:
        return [each for each in (self._control, self._metrics) if each is not None]
