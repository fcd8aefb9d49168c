"""MNIST (LeCun, Cortes and Burges): 70,000 grey handwritten digits of 28×28, 10 classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from idvae.data import hub
from idvae.data.idx import read_folder
from idvae.data.official import Part, plan_official
from idvae.data.source import DOWNLOAD, Plan, Request
from idvae.errors import UserError

name = "mnist"
summary = "70,000 grey handwritten digits of 28×28, 10 classes; --source DIR, or a download"
licence = "CC BY-SA 3.0, LeCun and Cortes"
kind = "images"
default_size = 32
default_n = None
needs_nothing = False

HUB = "ylecun/mnist"
HUB_COUNTS = (60_000, 10_000)

# Images of each digit. The successors of MNIST bear its file names; these tell them apart.
COUNTS = {
    "training": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


def plan(request: Request) -> Plan:
    """All digits, by the official test.

    Raises:
        UserError: files that are missing, damaged, or of another set.
    """
    if request.source is None:
        raise UserError(
            "mnist needs its four idx .gz files: name their folder with --source DIR, or download "
            "them with --source huggingface"
        )
    if request.source == DOWNLOAD:
        parts: Sequence[Part] = hub.classified(HUB, "image", "label", HUB_COUNTS)
    else:
        parts = read_folder(Path(request.source))
    for (what, counts), (_, labels) in zip(COUNTS.items(), parts, strict=True):
        found = tuple(np.bincount(labels, minlength=10).tolist())
        if len(labels) == sum(counts) and found != counts:
            raise UserError(
                f"{request.source}: the {what} labels are not MNIST's (digit 0 is there "
                f"{found[0]} times, not {counts[0]}); these may be the files of another set"
            )
    return plan_official(name, parts, request, [str(digit) for digit in range(10)])
