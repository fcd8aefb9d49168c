"""Seeds: which ones are taken, and how one seed gives independent streams of randomness. No torch.

Streams are told apart by NumPy's `SeedSequence`, which mixes (seed, stream, position): seeds that
lie beside each other, as 0 and 1 do, share nothing.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from idvae.errors import UserError

MOST = 2**63 - 1  # what NumPy's, Python's and PyTorch's generators all take
SEEDING = "SeedSequence([seed, stream, position])"  # as facts of scores say it
# Streams of randomness that must never coincide.
ORDER, NOISE, FLIP, INITIAL, SAMPLES, CONDITIONS, SAMPLE_SETS, SUBSETS, TRIALS, STANDING = range(10)


def seed_for(seed: int, stream: int, *position: int) -> int:
    """A 63-bit seed for one stream of randomness at one position, independent of all others."""
    if seed < 2**32:
        mixed = np.random.SeedSequence([seed, stream, *position])
    else:  # two words, the second of which would lie where the stream of a small seed does
        mixed = np.random.SeedSequence(seed, spawn_key=(stream, *position))
    return int(mixed.generate_state(1, np.uint64)[0] >> np.uint64(1))


def checked_seed(seed: Any, name: str = "--seed") -> int:
    """A seed as an int.

    Args:
        seed: a whole number.
        name: what the message calls it.

    Raises:
        UserError: it is no whole number from 0 to MOST.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed <= MOST:
        raise UserError(f"{name} {seed} is out of range; it is a whole number from 0 to 2**63 - 1")
    return int(seed)
