"""Shards come before they are asked for; a thread that lives as long as there is any to fetch."""

import threading
from collections.abc import Callable, Sequence

from idvae.data.shards.index import Column
from idvae.errors import UserError

Shard = tuple[Column, int]


class Ahead:
    """Fetches shards, one after another, beside whatever else is done.

    What fails here fails again, and is told, where the shard is read.

    Args:
        fetch: (column, number) → the shard is in the cache.
    """

    def __init__(self, fetch: Callable[[Column, int], object]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._last: Sequence[Shard] = ()
        self._waiting: list[Shard] = []
        self._thread: threading.Thread | None = None

    def want(self, shards: Sequence[Shard]) -> None:
        """These are next, instead of those that were asked for before; twice is as once."""
        with self._lock:
            if shards == self._last:
                return
            self._last, self._waiting = shards, list(reversed(shards))
            if self._waiting and self._thread is None:
                # No daemon: one that is in the package's own code cannot be stopped in the midst.
                self._thread = threading.Thread(target=self._work, name="shards ahead")
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or not threading.main_thread().is_alive():
                    self._thread = None
                    return
                column, k = self._waiting.pop()
            try:
                self._fetch(column, k)
            except (UserError, OSError):
                continue
