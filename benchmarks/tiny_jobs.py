"""Small calls of `idvae` that end in files, for benchmarks that cut them short.

Each knows its call, the call that goes on after it was cut, when its work has begun, and which
of its results must be the same to the bit. Run nothing here: see kills.py and full_disk.py.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from safetensors import safe_open

SECONDS = 300  # after which a call counts as hanging
STEPS = 60
TINY = [
    "--width=4", "--z-dim=3", "--batch-size=8", "--threads=1", "--ema=0.9", "--seed=3",
    "--lr-final=0.1", "--device=cpu", "--grid-every=20", "--keep=3",
]  # fmt: skip
SCORING = ["--experts=lite0@32", "-n=48", "--repeats=2", "--reference-n=96"]
LOCK = ".lock"  # ends the names of what stays between calls, on purpose


@dataclass(frozen=True)
class Place:
    """Where one job works: its folder, its prepared sets, its cache, and what it printed."""

    folder: Path
    data: Path
    cache: Path
    logs: Path

    @classmethod
    def make(cls, folder: Path, data: Path | None = None, logs: Path | None = None) -> "Place":
        """A new place; `data` is shared with others where it is given."""
        folder.mkdir(parents=True)
        return cls(folder, data or folder / "data", folder / "cache", logs or folder.parent)

    @classmethod
    def trained(cls, folder: Path) -> tuple[Path, Path]:
        """A place of prepared sets with digits-16, and a finished run on it."""
        place = cls.make(folder / "sets")
        job = Train("training", save_every=20)
        for command in (["data", "prepare", "digits", "--size=16"], job.command(place)):
            if place.run(command):
                raise RuntimeError(place.said("err"))
        return place.data, place.folder / "run"

    def start(self, arguments: list[str]) -> subprocess.Popen[str]:
        """The process of `idvae ARGUMENTS`; `said` gives what it printed."""
        own = {"IDVAE_DATA": str(self.data), "IDVAE_CACHE": str(self.cache)}
        with self.output("out").open("w") as out, self.output("err").open("w") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "idvae", *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                env=os.environ | own | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            )

    def run(self, arguments: list[str]) -> int:
        """The exit status of `idvae ARGUMENTS`."""
        process = self.start(arguments)
        try:
            return process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return 124

    def output(self, stream: str) -> Path:
        """The file of the last call's "out" or "err", outside of what is looked at."""
        return self.logs / f"{self.folder.name}-{stream}.txt"

    def said(self, stream: str) -> str:
        return self.output(stream).read_text(errors="replace")


class Job:
    """One call. Subclasses say what it is."""

    name = ""
    shares_data = True  # works on sets that are there
    early = 0.0  # the first share of the work, in which nothing is written

    def prepare(self, place: Place, reference: Path) -> None:
        """What has to be there before the call; `reference` holds a finished run."""

    def command(self, place: Place) -> list[str]:
        """The call that brings the job further; none where it is finished."""
        raise NotImplementedError

    def begun(self, place: Place) -> bool:
        """Whether the work itself has begun, after imports and checks."""
        raise NotImplementedError

    def result(self, place: Place) -> dict[str, object]:
        """What has to be the same however often the job was cut short, by name."""
        raise NotImplementedError


class Train(Job):
    """Rows of metrics are means since the last row or start, so each save is at a row."""

    def __init__(self, name: str, save_every: int) -> None:
        self.name, self.save_every = name, save_every
        self.log_every = min(10, save_every)

    def command(self, place: Place) -> list[str]:
        run = place.folder / "run"
        if not (run / "config.yaml").is_file():
            often = [f"--save-every={self.save_every}", f"--log-every={self.log_every}"]
            flags = [f"--steps={STEPS}", *often, *TINY]
            return ["train", "idvae", "--data=digits-16", "--out=run", *flags]
        done = (run / "checkpoints" / f"{STEPS:08d}").is_dir()
        return [] if done and not any(run.glob(".*")) else ["train", "--resume=run"]

    def begun(self, place: Place) -> bool:
        return "parameters," in place.said("out")

    def result(self, place: Place) -> dict[str, object]:
        return of_run(place.folder / "run")


class Prepare(Job):
    shares_data = False

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name, self.arguments = f"prepare {name}", arguments

    def command(self, place: Place) -> list[str]:
        return [] if any(visible(place.data)) else ["data", "prepare", *self.arguments]

    def begun(self, place: Place) -> bool:
        return place.data.is_dir() and any(place.data.iterdir())

    def result(self, place: Place) -> dict[str, object]:
        return of_files(place.data, "*/*")


class Evaluate(Job):
    name = "evaluate"
    early = 0.5  # imports, for nothing tells when they are done

    def prepare(self, place: Place, reference: Path) -> None:
        shutil.copytree(reference, place.folder / "run")

    def command(self, place: Place) -> list[str]:
        there = (place.folder / "run" / "scores.json").is_file()
        return [] if there else ["evaluate", "run", *SCORING]

    def begun(self, place: Place) -> bool:
        return True

    def result(self, place: Place) -> dict[str, object]:
        return of_scores(place.folder / "run")


class Sweep(Job):
    name = "sweep"
    methods = ("vae", "gan")

    def prepare(self, place: Place, reference: Path) -> None:
        options = dict(flag[2:].split("=") for flag in [*TINY, f"--steps={STEPS}"])
        plan = {
            "methods": list(self.methods),
            "data": ["digits-16"],
            "options": {k.replace("-", "_"): yaml.safe_load(v) for k, v in options.items()}
            | {"save_every": 20, "log_every": 10},
            "evaluate": dict(flag.lstrip("-").split("=") for flag in SCORING),
        }
        (place.folder / "plan.yaml").write_text(yaml.safe_dump(plan))

    def runs(self, place: Place) -> list[Path]:
        return [place.folder / "runs" / "digits-16" / f"{m}-seed0" for m in self.methods]

    def command(self, place: Place) -> list[str]:
        finished = all((run / "scores.json").is_file() for run in self.runs(place))
        return [] if finished else ["sweep", "plan.yaml", "--out=runs", "--devices=cpu"]

    def begun(self, place: Place) -> bool:
        return "runs in" in place.said("out")

    def result(self, place: Place) -> dict[str, object]:
        found = {}
        for run in self.runs(place):
            for name, value in (of_run(run) | of_scores(run)).items():
                found[f"{run.name}/{name}"] = value
        return found


class Sample(Job):
    """Into an .npz; only full_disk.py cuts it short."""

    name = "sample"

    def prepare(self, place: Place, reference: Path) -> None:
        shutil.copytree(reference, place.folder / "run")

    def command(self, place: Place) -> list[str]:
        there = (place.folder / "made.npz").is_file()
        return [] if there else ["sample", "run", "-n=256", "--out=made.npz"]

    def result(self, place: Place) -> dict[str, object]:
        with np.load(place.folder / "made.npz") as made:
            return {name: made[name].tobytes() for name in made.files}


def finish(job: Job, place: Place) -> str:
    """Call a job until it is finished; what went wrong, or nothing."""
    until = time.monotonic() + SECONDS
    while command := job.command(place):
        status = place.run(command)
        if time.monotonic() > until:
            return "calls end, and nothing is finished"
        if status == 2 and "has reached its" in place.said("err"):
            continue  # killed while it drew its curves: the call had but to clear up
        if status == 2 and "still works in" in place.said("err"):
            time.sleep(1)  # a run outlives the sweep that was killed
        elif status != 0:
            return f"status {status}: {place.said('err').strip()[-300:]}"
    return ""


def differing(found: dict[str, object], expected: dict[str, object]) -> str:
    """Names of results that are not the same, or nothing."""
    wrong = [k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k)]
    return f"{', '.join(sorted(wrong)[:5])} differ" if wrong else ""


def make_images(folder: Path, n: int) -> None:
    """n PNGs of noise, in two folders."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / "ab"[i % 2] / f"{i:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(path)


def of_run(run: Path) -> dict[str, object]:
    """Checkpoints and pictures by their bytes; rows of metrics but for their speed."""
    found = of_files(run, "checkpoints/*/*") | of_files(run, "*/*.png")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found["metrics"] = [{k: v for k, v in r.items() if k != "images_per_s"} for r in rows]
    return found


def of_scores(run: Path) -> dict[str, object]:
    """Values and the facts that comparisons need."""
    content = json.loads((run / "scores.json").read_text())
    return {k: content[k] for k in ("name", "facts", "row", "true_data", "reconstruction")}


def of_files(folder: Path, pattern: str) -> dict[str, object]:
    """The bytes of visible files; of safetensors the header's meaning, whose order is free."""
    found = {}
    for path in set(folder.glob(pattern)) & set(visible(folder)):
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            start = 8 + int.from_bytes(content[:8], "little")
            content = (json.loads(content[8:start]), content[start:])
        found[str(path.relative_to(folder))] = content
    return found


def visible(folder: Path) -> list[Path]:
    """Files below a folder whose path has no hidden part."""
    below = [p for p in folder.rglob("*") if p.is_file()]
    return [p for p in below if not any(q[0] == "." for q in p.relative_to(folder).parts)]


def hidden(folder: Path) -> list[Path]:
    """Temporary files and folders that lie about: the topmost of each."""
    return [
        p
        for p in folder.rglob(".*")
        if not p.name.endswith(LOCK)
        and not any(q[0] == "." for q in p.relative_to(folder).parts[:-1])
    ]


def half_written(folder: Path) -> list[Path]:
    """Visible files that cannot be read whole. metrics.jsonl may have a cut last line."""
    return [p for p in visible(folder) if not _whole(p)]


def _whole(path: Path) -> bool:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "numpy") as file:
                return all(file.get_tensor(name) is not None for name in file.keys())  # noqa: SIM118
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".yaml":
            return isinstance(yaml.safe_load(path.read_text()), dict)
        elif path.suffix in (".npy", ".npz"):
            loaded = np.load(path)
            [loaded[name] for name in getattr(loaded, "files", [])]
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
    except Exception:  # whatever a reader raises: the file is not whole
        return False
    return True
