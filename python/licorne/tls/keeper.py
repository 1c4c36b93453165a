"""The certificates of a running server: kept by the master, published for the workers, renewed when
their files change, and told of before they expire. Ticket keys are made and changed here, too.
"""

from __future__ import annotations

import os
import time

from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import TlsCertificate, TlsStore, TlsTerms
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.tls.material import Material

    #: Of a file when it was changed, its size and which one it is; None: it is not there.
    Stamp = tuple[int, int, int] | None

#: Seconds between two looks at the files. A change is taken when it has stood still for one of
#: them, so that a certificate and its key are taken together; workers look once a second.
LOOK = 1.5
#: Seconds that tickets are made with one key; those made with the last one are still taken.
ROTATE = 12 * 3600
#: Seconds before the end from when on it is told of, and between two times that it is.
SOON, REMIND = 14 * 86400, 86400


class Keeper:
    """What the workers of one master serve TLS with."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        #: Where workers find certificates; None: nothing is served with TLS.
        self.store: TlsStore | None = None
        self.material: Material | None = None
        self._cfg: Config | None = None
        self._tickets: list[bytes] = []
        #: Files as they were before they were read, and as the last look has found them.
        self._taken: dict[str, Stamp] = {}
        self._seen: dict[str, Stamp] = {}
        self._look_at = self._rotate_at = self._remind_at = 0.0

    @staticmethod
    def read(cfg: Config) -> Material | None:
        """What these settings name; None: they ask for no TLS. A ConfigError says what is wrong."""
        if not cfg.is_ssl:
            return None
        from licorne.tls import material  # noqa: PLC0415 - only with TLS

        return material.read(cfg)

    def adopt(self, cfg: Config, read: Material | None) -> None:
        """Serve with what was read for these settings; None: without TLS."""
        self._cfg, self.material = cfg, read
        if read is None:
            # Workers that are there go on with the store that they have.
            self.store = None
            return
        if self.store is None:
            from licorne._engine import TlsStore  # noqa: PLC0415 - only with TLS

            self.store = TlsStore()
        now = time.monotonic()
        self._taken = self._seen = read.files
        self._look_at, self._remind_at = now + LOOK, now
        if not self._tickets:
            self._rotate(now)
        self._publish()
        self._remind(now)

    def for_engine(self) -> tuple[TlsTerms, TlsStore] | None:
        """What a worker's engine gets; None: it serves without TLS."""
        if self.material is None or self.store is None:
            return None
        return self.material.terms, self.store

    def served(self) -> list[tuple[str, TlsCertificate]]:
        """The certificates in use, by the first name of each."""
        pairs = [] if self.material is None else self.material.pairs
        return [("".join(each.certificate.names[:1]), each.certificate) for each in pairs]

    def look(self, now: float) -> None:
        """Do what is due."""
        if self.material is None or now < self._look_at:
            return
        self._look_at = now + LOOK
        self._look_at_files(self.material)
        if now >= self._rotate_at:
            self._rotate(now)
            self._publish()
        if now >= self._remind_at:
            self._remind(now)

    def wake_after(self, now: float) -> float | None:
        """Seconds until something is due."""
        return None if self.material is None else max(0.0, self._look_at - now)

    def _look_at_files(self, read: Material) -> None:
        now = {path: stamp(path) for path in read.files}
        settled, self._seen = now == self._seen, now
        if now == self._taken or not settled or self._cfg is None:
            return
        self._taken = now
        try:
            renewed = self.read(self._cfg)
        except ConfigError as error:
            self._log.error(
                "Certificates have changed and are not used, the old ones go on: %s", error
            )
            return
        if renewed is None:
            return
        self.material = renewed
        self._taken = self._seen = renewed.files
        if renewed.is_as(read):
            # Touched, or written again; or some other file has come into a folder.
            return
        self._publish()
        names = ", ".join(
            each.certificate.names[0] for each in renewed.pairs if each.certificate.names
        )
        self._log.info("Certificates have changed, new connections get them: %s", names)
        self._remind_at = 0.0

    def _rotate(self, now: float) -> None:
        from licorne._engine import TlsStore  # noqa: PLC0415 - only with TLS

        self._tickets = [os.urandom(TlsStore.TICKET_KEY), *self._tickets[:1]]
        self._rotate_at = now + ROTATE

    def _publish(self) -> None:
        if self.store is None or self.material is None:
            return
        tickets, read = b"".join(self._tickets), self.material
        if not self.store.publish(tickets, read.authorities, read.triples):
            self._log.error(
                "The certificates are too large for all workers to have, the old ones go on"
            )

    def _remind(self, now: float) -> None:
        """Tell of certificates that end soon, once a day."""
        self._remind_at = now + REMIND
        if self._cfg is None or self._cfg.self_signed:
            return
        for each in () if self.material is None else self.material.pairs:
            left = each.certificate.not_after - time.time()
            if left < SOON:
                self._log.warning(
                    "The certificate of %s expires in %d days (%s): renew %s",
                    ", ".join(each.certificate.names),
                    max(0, left) // 86400,
                    when(each.certificate.not_after),
                    each.certificate_file,
                )


def when(seconds: int) -> str:
    """A time as logs and `licornectl` write it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def stamp(path: str) -> Stamp:
    """What a file, or a folder, looks like at this moment."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
