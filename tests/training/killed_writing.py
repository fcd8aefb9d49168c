"""Ends a process before each operation on files that a write makes, one process after another.

`python killed_writing.py FOLDER` prints, for each scene and moment, what is found afterwards as a
line of JSON; the last moment of a scene is of the process that came to its end. Where a folder is
replaced, a scene is played twice: where two names can be exchanged in one step, and where not.
"""

import json
import os
import sys
from functools import cache, partial
from itertools import count
from pathlib import Path

from test_checkpoints import make, truncate

from idvae.errors import UserError
from idvae.io import files
from idvae.training import checkpoints

OPERATIONS = ("os.", "open", "shutil.", "tempfile.", "ctypes.dlsym")


checkpoint = cache(lambda step: make(step)[2])


def save(folder, step, keep=1):
    checkpoints.save(folder, checkpoint(step), keep)


def damaged(folder):
    save(folder, 5)
    save(folder, 10, keep=2)
    truncate(folder / "00000010" / "model.safetensors")


def write_set(folder, words="new"):
    with files.atomic_folder(folder / "set", overwrite=True) as temporary:
        for name in ("a", "b"):
            (temporary / name).write_text(words)


def found_checkpoints(folder):
    """The steps there, those that are as they were made, and what else is left."""
    checkpoints.remove_unfinished(folder)
    there = checkpoints.steps(folder)
    left = [p.name for p in folder.glob(".*")]
    return {"steps": there, "whole": [s for s in there if is_as_made(folder, s)], "left": left}


def is_as_made(folder, step):
    try:
        loaded = checkpoints.load(folder, "idvae", step)
    except UserError:
        return False
    made = checkpoint(step)
    return all((loaded.model[k] == v).all() for k, v in made.model.items()) and all(
        (loaded.optimizers[k] == v).all() for k, v in made.optimizers.items()
    )


def found_set(folder):
    files.recover(folder)
    return {"set": [(folder / "set" / name).read_text() for name in ("a", "b")]}


SCENES = {
    "another step": (partial(save, step=5), partial(save, step=10), found_checkpoints),
    "the same step": (partial(save, step=10), partial(save, step=10), found_checkpoints),
    "a damaged step": (damaged, partial(save, step=10), found_checkpoints),
    "a set": (partial(write_set, words="old"), write_set, found_set),
}
REPLACING = ("a damaged step", "a set")


def ended_before(operation, act, folder):
    """Whether a process that does `act` was ended before an operation, counted from 0."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 9):
            raise RuntimeError(f"{act} ended with {code} before operation {operation}")
        return code == 9
    left = operation

    def watch(event, arguments):
        nonlocal left
        if event.startswith(OPERATIONS):
            if left == 0:
                os._exit(9)
            left -= 1

    sys.addaudithook(watch)
    act(folder)
    os._exit(0)


def play(scene, place):
    prepare, act, find = SCENES[scene]
    for operation in count():
        folder = place / str(operation)
        folder.mkdir(parents=True)
        prepare(folder)
        ended = ended_before(operation, act, folder)
        yield find(folder)
        if not ended:
            return


if __name__ == "__main__":
    os.fsync = lambda handle: None  # what a killed process wrote is there without it
    exchange = files._exchange
    for scene in SCENES:
        for how in ("exchange", "renames") if scene in REPLACING else ("exchange",):
            files._exchange = exchange if how == "exchange" else lambda a, b: False
            for found in play(scene, Path(sys.argv[1]) / how / scene):
                print(json.dumps({"how": how, "scene": scene, **found}), flush=True)
