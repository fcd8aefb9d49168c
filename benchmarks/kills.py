"""SIGKILL at seeded random moments, then the next call: is the result the same to the bit?

Run: python benchmarks/kills.py [--kills 50] [--seed 0] [--only train,sweep] [--no-disk]
Targets: every killed job is finished by the next call with the bytes of one that was left alone,
nothing half-written has a visible name, and no temporary file stays. Then full_disk.py.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

import full_disk
from tiny_jobs import (
    SECONDS,
    Evaluate,
    Job,
    Place,
    Prepare,
    Sweep,
    Train,
    differing,
    finish,
    half_written,
    hidden,
    make_images,
)

IMAGES = 400  # of the folder, and avatars: less than what is drawn by several processes
TWICE = 0.3  # the share of jobs that are killed a second time while they go on


@dataclass
class Count:
    """What became of the kills of one kind."""

    kills: int = 0
    resumed: int = 0
    identical: int = 0
    leftovers: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        cells = (name, self.kills, self.resumed, self.identical, len(self.leftovers))
        return "| " + " | ".join(map(str, cells)) + " |"

    @property
    def good(self) -> bool:
        return self.kills == self.resumed == self.identical and not self.leftovers


@dataclass
class Reference:
    """A job that was left alone: its result, and the seconds that its work took."""

    result: dict[str, object]
    seconds: float


def jobs(folder: Path) -> list[Job]:
    """All kinds; `folder` holds the images that are prepared."""
    return [
        Train("training", save_every=20),
        Train("checkpointing", save_every=1),
        Prepare("avatars", ["avatars", "--size=16", f"--n={IMAGES}"]),
        Prepare("folder", ["folder", f"--source={folder}", "--size=16"]),
        Evaluate(),
        Sweep(),
    ]


def undisturbed(job: Job, place: Place, run: Path) -> Reference:
    """Let a job be, and look at the clock once its work has begun."""
    job.prepare(place, run)
    process, began = place.start(job.command(place)), None
    until = time.monotonic() + SECONDS
    while process.poll() is None:
        assert time.monotonic() < until, f"{job.name} hangs"
        if began is None and job.begun(place):
            began = time.monotonic()
        time.sleep(0.01)
    assert process.returncode == 0, place.said("err")
    return Reference(job.result(place), time.monotonic() - (began or time.monotonic()))


def kill(job: Job, place: Place, reference: Reference, moment: float, alone: bool) -> bool:
    """Start the job's next call and kill it while it works.

    Args:
        reference: its seconds become fewer where the call took fewer.
        moment: the share of those seconds after which it is killed.
        alone: leave the processes that it began alive.

    Returns:
        whether it still lived.
    """
    process = place.start(job.command(place))
    until = time.monotonic() + SECONDS
    while process.poll() is None and not job.begun(place):
        assert time.monotonic() < until, f"{job.name} hangs"
        time.sleep(0.005)
    began = time.monotonic()
    try:
        process.wait(moment * reference.seconds)
    except subprocess.TimeoutExpired:
        others = [] if alone else psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for other in others:
            with suppress(psutil.NoSuchProcess):
                other.kill()
        return process.wait() == -signal.SIGKILL
    if process.returncode == 0:
        reference.seconds = min(reference.seconds, time.monotonic() - began)
    return False


def attempt(
    job: Job, place: Place, run: Path, reference: Reference, rng: np.random.Generator, count: Count
) -> None:
    """Kill a new job once or twice, finish it, and count."""
    job.prepare(place, run)
    kills = 1 + int(rng.random() < TWICE)
    done = 0
    for _ in range(kills):
        if not job.command(place):
            break
        moment, alone = rng.uniform(job.early, 1.0), bool(rng.random() < 0.5)
        done += kill(job, place, reference, moment, alone and isinstance(job, Sweep))
    if not done:  # it was finished before its moment came: another one is taken
        return
    count.kills += done
    if not (isinstance(job, Sweep)):  # whose runs may still write
        count.leftovers += [f"half-written {p}" for p in half_written(place.folder)]
    if trouble := finish(job, place):
        count.troubles.append(f"{job.name} in {place.folder.name}: {trouble}")
        return
    count.resumed += done
    if wrong := differing(job.result(place), reference.result):
        count.troubles.append(f"{job.name} in {place.folder.name}: {wrong}")
    else:
        count.identical += done
    count.leftovers += [f"half-written {p}" for p in half_written(place.folder)]
    count.leftovers += [f"temporary {p}" for p in hidden(place.folder)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds, joined by commas")
    parser.add_argument("--no-disk", action="store_true", help="leave the full disk out")
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it")
    options = parser.parse_args()
    top = options.keep or Path(tempfile.mkdtemp(prefix="idvae-kills-"))
    try:
        return measure(options, top.resolve())
    finally:
        if not options.keep:
            shutil.rmtree(top, ignore_errors=True)


def measure(options: argparse.Namespace, top: Path) -> int:
    make_images(top / "images", IMAGES)
    kinds = jobs(top / "images")
    kinds = [job for job in kinds if job.name.startswith(tuple(options.only.split(",")))]
    data, run = Place.trained(top)

    def place(name: str, job: Job) -> Place:
        return Place.make(top / name, data if job.shares_data else None)

    references = {}
    for job in kinds:
        references[job.name] = undisturbed(job, place(f"{job.name} alone", job), run)
        print(f"{job.name}: {references[job.name].seconds:.1f} s of work", flush=True)
    counts = {job.name: Count() for job in kinds}
    number = 0
    while sum(c.kills for c in counts.values()) < options.kills and number < 4 * options.kills:
        job = min(kinds, key=lambda job: counts[job.name].kills)
        rng = np.random.default_rng([options.seed, number])
        attempt(job, place(f"{job.name} {number}", job), run, references[job.name], rng,
                counts[job.name])  # fmt: skip
        number += 1
        print(counts[job.name].row(job.name), flush=True)
    print("\n| killed while | kills | resumed | identical | leftovers |\n|---|---|---|---|---|")
    for name, count in counts.items():
        print(count.row(name))
    whole = Count(*(sum(getattr(c, k) for c in counts.values()) for k in
                    ("kills", "resumed", "identical")))  # fmt: skip
    whole.leftovers = [left for c in counts.values() for left in c.leftovers]
    print(whole.row("all"))
    for count in counts.values():
        for line in [*count.troubles, *count.leftovers]:
            print(f"  {line}")
    good = whole.good and whole.kills >= options.kills
    if not options.no_disk:
        good &= full_disk.measure(top / "disk", data, run, options.seed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
