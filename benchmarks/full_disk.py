"""A disk that is really full, or read-only: one line, status 2, nothing half-written.

Run: python benchmarks/full_disk.py [--seed 0], as root, for a small tmpfs is mounted. kills.py
runs it too. Target: once there is room, the next call goes on to the same bytes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tiny_jobs import (
    Evaluate,
    Job,
    Place,
    Prepare,
    Sample,
    Train,
    differing,
    finish,
    half_written,
    hidden,
    make_images,
)

MIB = 1 << 20
SIZE = 16 * MIB
LEVELS = 4  # amounts of free room that each job is tried with
IMAGES = 100


@dataclass
class Count:
    """What became of the calls of one kind that met a disk in one state."""

    calls: int = 0
    told: int = 0  # in one line, with status 2
    identical: int = 0  # once there was room
    leftovers: int = 0
    troubles: list[str] = field(default_factory=list)

    def row(self, name: str, disk: str) -> str:
        cells = (name, disk, self.calls, self.told, self.identical, self.leftovers)
        return "| " + " | ".join(map(str, cells)) + " |"

    @property
    def good(self) -> bool:
        return self.calls == self.told == self.identical and not self.leftovers


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of SIZE bytes at `folder`.

    Raises:
        OSError: it cannot be mounted; the text says why.
    """
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    made = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if made.returncode:
        raise OSError(made.stderr.strip())


@contextmanager
def filled(disk: Path, free: int) -> Iterator[None]:
    """Leave `free` bytes of a disk, by a file of zeros that lies beside the work."""
    ballast = disk / "ballast"
    there = os.statvfs(disk)
    with ballast.open("wb") as file:
        size = max(0, there.f_bavail * there.f_bsize - free)
        while size:
            size -= file.write(b"\0" * min(size, MIB))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    _mount("-o", "remount,ro", str(disk))
    try:
        yield
    finally:
        _mount("-o", "remount,rw", str(disk))


def used(disk: Path) -> int:
    there = os.statvfs(disk)
    return (there.f_blocks - there.f_bfree) * there.f_bsize


def told_well(place: Place, status: int) -> str:
    """What is wrong with how a call ended that met a bad disk, or nothing."""
    lines = place.said("err").strip().splitlines()
    errors = [line for line in lines if line.startswith("idvae: error: ")]
    if status != 2 or len(errors) != 1 or "Traceback" in place.said("err"):
        return f"status {status}: {' / '.join(lines[-3:])[-300:]}"
    return ""


class Trial:
    """One job on the small disk, in a place that is emptied after each call."""

    def __init__(self, disk: Path, logs: Path, data: Path, run: Path) -> None:
        self.disk, self.logs, self.data, self.run = disk, logs, data, run

    def place(self, job: Job) -> Place:
        folder = self.disk / "work"
        shutil.rmtree(folder, ignore_errors=True)
        place = Place.make(folder, self.data if job.shares_data else None, self.logs)
        job.prepare(place, self.run)
        return place

    def needs(self, job: Job) -> tuple[int, dict[str, object]]:
        """Bytes that a job takes where there is room, and its result."""
        place = self.place(job)
        before = used(self.disk)
        assert not (trouble := finish(job, place)), trouble
        return used(self.disk) - before, job.result(place)

    def meet(self, job: Job, state: object, expected: dict[str, object], count: Count) -> None:
        """Call a job under `state`, a context manager, then once more without it."""
        place = self.place(job)
        with state:
            status = place.run(job.command(place))
        if status == 0:  # there was room enough
            return
        count.calls += 1
        wrong = told_well(place, status)
        if half := half_written(self.disk):
            count.leftovers += len(half)
            count.troubles.append(f"{job.name}: half-written {', '.join(map(str, half))}")
        if wrong:
            count.troubles.append(f"{job.name}: {wrong}")
        else:
            count.told += 1
        if trouble := finish(job, place) or differing(job.result(place), expected):
            count.troubles.append(f"{job.name}, once there was room: {trouble}")
        else:
            count.identical += 1
        if stayed := hidden(self.disk):
            count.leftovers += len(stayed)
            count.troubles.append(f"{job.name}: temporary {', '.join(map(str, stayed))}")


def measure(
    folder: Path, data: Path, run: Path, seed: int, levels: int = LEVELS, only: str = ""
) -> bool:
    """Print the table; whether all went as promised, which includes a mount that is refused.

    Args:
        folder: to work in.
        data: holds digits-16.
        run: a finished run on it.
        seed: of the amounts of free room.
        levels: how many amounts each call is tried with, the first being none.
        only: the first letters of the calls to try.
    """
    make_images(folder / "images", IMAGES)
    jobs = [
        Train("train", save_every=5),
        Prepare("avatars", ["avatars", "--size=16", f"--n={IMAGES}"]),
        Prepare("folder", ["folder", f"--source={folder / 'images'}", "--size=16"]),
        Evaluate(),
        Sample(),
    ]
    jobs = [job for job in jobs if job.name.startswith(tuple(only.split(",")))]
    try:
        with small_disk(folder / "disk") as disk:
            trial = Trial(disk, folder, data, run)
            counts = {}
            for number, job in enumerate(jobs):
                rng = np.random.default_rng([seed, number])
                full = counts[job, "full"] = Count()
                needs, expected = trial.needs(job)
                for free in [0, *rng.integers(1, needs, levels - 1).tolist()]:
                    trial.meet(job, filled(disk, free), expected, full)
                counts[job, "read-only"] = Count()
                trial.meet(job, read_only(disk), expected, counts[job, "read-only"])
                print(f"{job.name}: needs {needs:,} bytes", flush=True)
    except OSError as error:
        print(f"\nno disk could be mounted ({error}): a full one was not tried")
        return True
    print("\n| call | disk | cut short | one line, status 2 | identical once there is room | "
          "leftovers |\n|---|---|---|---|---|---|")  # fmt: skip
    for (job, state), count in counts.items():
        print(count.row(job.name, state))
    for count in counts.values():
        for line in count.troubles:
            print(f"  {line}")
    return all(count.good for count in counts.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--levels", type=int, default=LEVELS, help="amounts of free room")
    parser.add_argument("--only", default="", help="calls, joined by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idvae-disk-") as top:
        data, run = Place.trained(Path(top))
        where = Path(top) / "disk"
        return 0 if measure(where, data, run, **vars(options)) else 1


if __name__ == "__main__":
    sys.exit(main())
