"""Processes of one start find each other, whatever earlier starts left in their store."""

import threading
import time

import pytest
from torch import distributed

from idvae.training.meeting import name_of_start

pytestmark = pytest.mark.skipif(
    not distributed.is_available(), reason="torch has no distributed here"
)


def meet(store, world, late=0.0):
    """The names that the processes of a start get, by rank; the first one comes `late`."""
    names = {}

    def process(rank):
        time.sleep(late if rank == 0 else 0)
        names[rank] = name_of_start(store, rank, world, 30)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [names[rank] for rank in range(world)]


def test_each_start_has_a_name_of_its_own_that_all_its_processes_know():
    store = distributed.HashStore()
    starts = [meet(store, 3), meet(store, 3), meet(store, 2), meet(store, 1), meet(store, 4, 0.1)]
    assert [len(set(names)) for names in starts] == [1] * 5
    assert len({names[0] for names in starts}) == 5


def test_a_process_that_does_not_come_is_told():
    store = distributed.HashStore()
    meet(store, 2)
    with pytest.raises(distributed.DistError):
        name_of_start(store, 0, 2, 0.2)
