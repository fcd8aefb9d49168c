"""torchrun begins the same command anew once a process is lost: that then is to go on.

`torchrun --max-restarts N` stops what is left, meets again (with `--nnodes 1:2` also where a node
has gone or come), and starts its command. A first start must still refuse to touch what is there.
"""

import os
from pathlib import Path

from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.training.distributed import Processes
from idvae.training.run import Run
from idvae.training.settings import Settings


def is_restart(processes: Processes) -> bool:
    """Whether torchrun has started these processes before; the same answer on each of them.

    Each node counts the restarts that it saw, and one that came later saw none.
    """
    return processes.any(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0, step=0)


def torchrun_id() -> str | None:
    """What `torchrun --rdzv-id` or `--standalone` names these processes, if it does."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return None if name in (None, "", "none") else name[:200]


def has_begun(place: Path, chosen: Settings, data: PreparedSet, processes: Processes) -> bool:
    """Whether there is a run that this very command has begun, under this torchrun.

    It is one of this method, of these options and data; and torchrun has started anew, or is, by
    the name that it was given, the one that the run was begun under: nodes that come where none was
    lost count no restart.

    Args:
        place: of the run folder, which need not be there.
        chosen: the options, with all of the networks' filled in.
        data: the prepared set.
        processes: all of which are to ask; the first one looks.
    """
    again = is_restart(processes)
    found = processes.is_first and _is_of(place, chosen, data, again)
    return processes.any(found, step=0)


def _is_of(place: Path, chosen: Settings, data: PreparedSet, again: bool) -> bool:
    try:
        config = Run.open(place).config if (place / "config.yaml").is_file() else {}
    except UserError:
        return False
    name = torchrun_id()
    return (
        (again or (name is not None and config.get("torchrun") == name))
        and config.get("method") == chosen.method
        and config["options"] == chosen.options()
        and config["data"]["checksum"] == data.checksum
    )
