"""How processes that torchrun started find each other, each time that it starts them.

torchrun keeps one store for all its starts, so a process that begins anew would find there the
addresses of those that are gone, and wait for them. The processes of one start agree on a name for
it, under which nothing can be old.
"""

from __future__ import annotations

import os
import secrets
import time
from datetime import timedelta

from torch import distributed

PERIOD = 0.05  # seconds between looks at the store


def join_group(backend: str, patience: float) -> None:
    """Join the group of the processes that torchrun started with this one.

    Args:
        backend: as of torch: nccl or gloo.
        patience: seconds after which another process that does not answer is lost, now and later.

    Raises:
        DistError: the others did not come.
    """
    timeout = timedelta(seconds=patience)
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != str(True):  # a store of this start alone
        distributed.init_process_group(backend, timeout=timeout)
        return
    store, rank, world = next(distributed.rendezvous("env://", timeout=timeout))
    name = name_of_start(store, rank, world, patience)
    distributed.init_process_group(
        backend,
        store=distributed.PrefixStore(name, store),
        rank=rank,
        world_size=world,
        timeout=timeout,
    )


def name_of_start(store: distributed.Store, rank: int, world: int, patience: float) -> str:
    """A name that the processes of one start have in common with no other start.

    The first one makes it. Each of the others asks by a word of its own, and knows by that word
    that the answer is to it.

    Args:
        store: may hold what earlier starts left.
        rank: of this process, which no other of this start has.
        world: how many there are.
        patience: seconds after which another one is lost.

    Raises:
        DistError: another one did not come.
    """
    if rank > 0:
        word = secrets.token_hex(8)
        store.set(f"idvae/asks/{rank}", word)
        name = store.get(f"idvae/answer/{word}").decode()  # waits for it
        store.add(f"{name}/met", 1)
        return name
    name, until = f"idvae/{secrets.token_hex(8)}", time.monotonic() + patience
    while store.add(f"{name}/met", 0) < world - 1:
        for other in range(1, world):
            if store.check([f"idvae/asks/{other}"]):
                word = store.get(f"idvae/asks/{other}").decode()
                store.set(f"idvae/answer/{word}", name)
        if time.monotonic() > until:
            raise distributed.DistStoreError("another process did not come")
        time.sleep(PERIOD)
    return name
