"""One of two processes that evaluate is killed at its second block: `python killed.py`, twice."""

import os
import signal
import sys

from evaluate.toys import images, toy
from idvae.errors import UserError
from idvae.evaluate import together
from idvae.evaluate.features import collect
from idvae.evaluate.sources.drawn import Numbered
from idvae.training.distributed import group_of


def samples(first, last, seed):
    if first > 64 and together.processes()[0] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return images(last - first, first)


if __name__ == "__main__":
    together.ASK_EVERY = 64
    try:
        with group_of("evaluation", "start it again"):
            collect(Numbered(samples), [toy()], 10_000)
    except UserError as error:
        sys.exit(str(error))
