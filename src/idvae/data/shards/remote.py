"""Shards behind a network: HTTP, S3, Google's and Azure's storage, by the package obstore.

Whatever may pass is tried again, with pauses that grow: timeouts, broken connections, 503. A shard
that broke off goes on where it stopped. What lasts ends in one line.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from idvae.data.prepared import META
from idvae.data.shards.address import BUCKETS, checked
from idvae.data.shards.cache import Cache
from idvae.data.shards.writing import Pieces
from idvae.data.source import missing
from idvae.errors import UserError

TRIES = 8  # without getting any further
PAUSE, LONGEST = 0.5, 30.0  # seconds before the second try, and before any
CONNECT, SILENCE = 10.0, 20.0  # seconds without a connection, and without a byte
PIECE = 256 << 10  # what a broken connection loses at most: obstore hands out no less
MOST_INDEX = 256 << 20  # bytes; an index of 10⁹ images of 64 px has 4 MB


class Remote:
    """A `Shelf` behind a network.

    Args:
        address: such as s3://bucket/faces.
        cache: where shards are kept.

    Raises:
        UserError: obstore is missing, or there can be no set at such an address.
    """

    is_far = True

    def __init__(self, address: str, cache: Cache | None = None) -> None:
        self.address = checked(address)
        self.cache = cache or Cache()
        self.path = self.cache.folder
        self._store = _store(self.address, tries=0)  # tries are made here

    def index(self) -> str:
        """The text of the set's meta.json.

        Raises:
            UserError: it cannot be had.
        """
        pieces: list[bytes] = []

        def read(_: int) -> Iterator[int]:
            pieces.clear()
            for piece in _package().get(self._store, META).stream(PIECE):
                pieces.append(bytes(piece))
                yield sum(map(len, pieces))

        self._tried(META, read, range(MOST_INDEX))
        return b"".join(pieces).decode("utf-8", errors="replace")

    def reads_ahead(self, needed: int) -> bool:
        """As `Shelf.reads_ahead`."""
        return needed <= self.cache.most

    def shard(self, name: str, length: int, sha256: str) -> Path:
        """As `Shelf.shard`."""
        where = f"{self.address}/{name}"
        return self.cache.get(length, sha256, lambda to: self._fetch(name, length, to), where)

    def _fetch(self, name: str, length: int, to: BinaryIO) -> None:
        obstore = _package()

        def read(done: int) -> Iterator[int]:
            options: Any = {"range": {"offset": done}} if done else None
            try:
                answer = obstore.get(self._store, name, options=options)
            except obstore.exceptions.NotSupportedError:  # whole files are all that it gives
                answer, done = obstore.get(self._store, name), 0
            to.seek(done)
            for piece in answer.stream(PIECE):
                done += len(piece)
                if done <= length:
                    to.write(piece)
                yield done

        self._tried(name, read, range(length, length + 1))
        to.flush()

    def _tried(self, name: str, read: Callable[[int], Iterator[int]], lengths: range) -> None:
        """Read a file, however often it breaks off.

        Args:
            name: of the file.
            read: (bytes that are there) → goes on, and yields how many there are then.
            lengths: that it may have.
        """
        where, tries, furthest, there = f"{self.address}/{name}", 0, 0, 0
        while True:
            try:
                with _told(where):
                    for there in read(there):  # noqa: B020
                        _go_on()
                        if there >= lengths.stop:
                            raise UserError(
                                f"{where} is damaged: it has more than {lengths[-1]:,} bytes"
                            )
                if there in lengths:
                    return
                raise _PassingError(f"it ended after {there:,} of {lengths[-1]:,} bytes")
            except _PassingError as error:
                tries = 1 if there > furthest else tries + 1
                furthest = max(furthest, there)
                if tries >= TRIES:
                    raise UserError(
                        f"{where} cannot be read: {error}, {TRIES} times in a row; check the "
                        "address, the network and the variables of the service"
                    ) from error
                _pause(tries)


class Bucket:
    """A `Target` behind a network.

    Args:
        address: of a bucket, or a place in one.

    Raises:
        UserError: as `Remote`, or it can only be read.
    """

    def __init__(self, address: str) -> None:
        self.address = checked(address)
        if not self.address.startswith(tuple(f"{scheme}://" for scheme in BUCKETS)):
            raise UserError(f"{address}: shards are written to a folder or a bucket, not there")
        self._store = _store(self.address, tries=TRIES)

    def length(self, name: str) -> int | None:
        """Bytes of a file that is there."""
        try:
            with _lasting(f"{self.address}/{name}"):
                return _package().head(self._store, name)["size"]
        except FileNotFoundError:
            return None

    def has(self, name: str, length: int, sha256: str) -> bool:
        """As `Target.has`; its length is compared."""
        return self.length(name) == length

    def put(self, name: str, pieces: Pieces) -> None:
        """As `Target.put`."""
        with _lasting(f"{self.address}/{name}"):
            _package().put(self._store, name, pieces())


class _PassingError(Exception):
    """What may be gone at the next try."""


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Around a try: what passes is told from what lasts."""
    errors = _package().exceptions
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{where}: there is no such file; check the address") from error
    except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
        raise UserError(
            f"{where} may not be read ({_first_line(error)}); give a key in the variables of the "
            "service, as docs/data.md says"
        ) from error
    except errors.BaseError as error:
        raise _PassingError(_first_line(error)) from error


@contextmanager
def _lasting(where: str) -> Iterator[None]:
    """Around what obstore tries again by itself."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _package().exceptions.BaseError as error:
        raise UserError(f"{where} cannot be written: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """What happened, without what obstore adds for those who mend it."""
    return str(error).partition("\n")[0].strip(" :")


def _pause(tries: int) -> None:
    """Wait longer each time; processes that failed together do not come back together."""
    share = random.Random(f"{threading.get_ident()} {tries}").uniform(0.5, 1.0)
    until = time.monotonic() + share * min(LONGEST, PAUSE * 2 ** (tries - 1))
    while (left := until - time.monotonic()) > 0:
        _go_on()
        time.sleep(min(0.1, left))


def _go_on() -> None:
    """Nothing is fetched ahead for a program that is about to end."""
    if not threading.main_thread().is_alive():
        raise UserError("the program ended")


def _package() -> Any:
    try:
        import obstore
        import obstore.exceptions
    except ImportError as error:
        raise missing("obstore", error, extra="cloud") from error
    return obstore


def _store(address: str, tries: int) -> Any:
    _package()
    from obstore.store import from_url

    client: Any = {
        "allow_http": True,  # where the address, or the endpoint that the user names, has no TLS
        "connect_timeout": timedelta(seconds=CONNECT),
        "read_timeout": timedelta(seconds=SILENCE),
        "timeout": timedelta(hours=1),  # of a whole shard
    }
    try:
        return from_url(address, client_options=client, retry_config={"max_retries": tries})
    except Exception as error:  # whatever a service says of its variables
        raise UserError(f"{address} cannot be opened: {_first_line(error)}") from error
