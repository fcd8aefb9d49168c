"""`idvae` under torchrun, whose second process dies before its Nth update, unless it is a restart.

`killed_once.py N ARGUMENTS…`: nothing tells the others.
"""

import os
import sys

from idvae.cli import main
from idvae.training import updates
from training.killed import die_before

if __name__ == "__main__":
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and os.environ["RANK"] == "1":
        updates.Updates._step = die_before(updates.Updates._step, int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
