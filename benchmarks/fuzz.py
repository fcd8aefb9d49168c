"""Hostile bytes for every reader of files that others made: damaged, cut, spliced, lying.

Run: python benchmarks/fuzz.py [TARGET ...] [--minutes 10] [--seed 0] [--out DIR]
     python benchmarks/fuzz.py TARGET --input FILE     (one file again, with its traceback)

A reader either takes what it is given or refuses it by a UserError of one short line. Anything
else (another exception, a warning, a message that floods or steers a terminal, more than
`SLOWEST` seconds, more than `MEMORY` bytes beyond what the process has) is a finding: the bytes
are kept in --out, and the exit status is 1.

A new target is a function of bytes and files that it takes, in the table `TARGETS`.
"""

import argparse
import collections
import copy
import functools
import gzip
import hashlib
import io
import os
import random
import resource
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from idvae.data import cifar10
from idvae.data.attributes import read_attributes
from idvae.data.conditions import Condition
from idvae.data.folder import read_image
from idvae.data.idx import read_idx
from idvae.data.image_files import read_rgb
from idvae.errors import UserError
from idvae.evaluate.metrics.statistics import Statistics
from idvae.evaluate.sources.images import open_images
from idvae.io import strict_yaml
from idvae.networks import DataShape
from idvae.report.training import minutes
from idvae.sweep.plan import Plan
from idvae.sweep.search import Search
from idvae.training import checkpoints, settings
from idvae.training.build import build_method, planned_method, shape_of_run
from idvae.training.run import Run

SLOWEST = 10.0  # seconds of the processor that one input may take
LONGEST = 1000  # characters of a message
MEMORY = 3 << 30
CORPUS = 300  # inputs kept to mutate: valid ones, and those that met a new outcome


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes:
        read: takes bytes; returns, or raises UserError.
        valid: makes files that the reader takes: what mutations start from.
        words: pieces of the format, which mutations write over or put in.
        repair: makes checksums right again, so that mutations get behind them.
    """

    read: Callable[[bytes], object]
    valid: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    repair: Callable[[bytes], bytes] | None = None


# ------------------------------------------------------------------------------------- targets


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk is worn, and faster
    return tempfile.TemporaryDirectory(prefix="idvae-fuzz-", dir=memory)


def stored(data: bytes, name: str) -> Path:
    """The bytes as a file, for readers of paths; the next call of the name writes over it."""
    path = Path(_scratch().name) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    """An idx file of an array of bytes."""
    return (
        bytes((0, 0, 8, array.ndim))
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + (array.tobytes())
    )


def _idx() -> list[bytes]:
    rng = np.random.default_rng(0)
    return [idx_bytes(rng.integers(0, 256, (n, 4, 5), np.uint8)) for n in (0, 1, 7)]


CIFAR_RECORDS = 3
CIFAR_FILES = {
    name: np.random.default_rng(i).integers(0, 10, CIFAR_RECORDS * cifar10.RECORD, np.uint8)
    for i, name in enumerate(cifar10.OFFICIAL)
}
CIFAR_HASHES = {name: hashlib.sha256(file).hexdigest() for name, file in CIFAR_FILES.items()}


def _cifar() -> list[bytes]:
    """The six files and one more, in each kind of tar."""
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as tar:
            for name, array in {"readme.html": np.arange(9), **CIFAR_FILES}.items():
                member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
                member.size, member.uname = array.nbytes, "Ünal" * 9
                tar.addfile(member, io.BytesIO(array.tobytes()))
        made.append(file.getvalue())
    return made


def _read_cifar(data: bytes) -> object:
    """An archive whose official files are these small ones."""
    small = mock.patch.multiple(cifar10, RECORDS=CIFAR_RECORDS, OFFICIAL=CIFAR_HASHES)
    with small:
        return cifar10.read_parts(stored(data, "cifar-10-binary.tar.gz"))


def _right_tar(data: bytes) -> bytes:
    """A tar in which each header, as far as they follow each other, has its right checksum."""
    made, at = bytearray(data), 0
    while len(made) - at >= 512:
        header = made[at : at + 512]
        header[148:156] = b" " * 8
        made[at + 148 : at + 156] = b"%06o\0 " % sum(header)
        try:
            size = int(bytes(header[124:136]).rstrip(b"\0 ") or b"0", 8)
        except ValueError:
            break
        at += 512 + -(-max(size, 0) // 512) * 512
    return bytes(made)


def _attributes() -> list[bytes]:
    return [
        b"file,Hat,Smiling\na.png,1,0\nb/c.png,-1,1\n",
        b'\xef\xbb\xbffile,Hat\r\n"a.png",1\r\nb/c.png, 0\r\n',
        b"2\nHat Smiling\na.png 1 -1\nb/c.png  -1  1\n",
    ]


def _npy(array: np.ndarray) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def _npys() -> list[bytes]:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), np.uint8)
    return [_npy(images), _npy(np.asfortranarray(images[..., 0])), _npy(images[:1])]


def _npz(packed: bool, **arrays: np.ndarray) -> bytes:
    made = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(made, **arrays)
    return made.getvalue()


def _npzs() -> list[bytes]:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), np.uint8)
    return [
        _npz(packed, **arrays)
        for packed in (True, False)
        for arrays in ({"images": images}, {"a": images[..., 0]}, {"b": images, "arr_0": images})
    ]


def _statistics() -> list[bytes]:
    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    made = Statistics.of(rows)
    plain = {"mu": made.mean, "sigma": made.covariance}
    whole = {**plain, "n": np.array(6), "factor": made.factor(), "rows": rows}
    return [_npz(False, **plain), _npz(False, **whole), _npz(True, **whole)]


def _pictures(kind: str) -> list[bytes]:
    """Small pictures of a format, with what it can have beside pixels."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (18, 23, 3), np.uint8)
    images = [Image.fromarray(pixels), Image.fromarray(pixels[..., 0])]
    options: list[dict[str, Any]] = [{}, {}]
    if kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        exif = images[0].getexif()
        exif[0x0112], exif[0x010F] = 6, "maker"
        options[0]["exif"] = exif
    if kind in ("PNG", "TIFF"):
        images += [Image.fromarray(pixels[..., 0].astype(np.uint16) * 200), images[0].convert("P")]
        options += [{}, {}]
    if kind in ("PNG", "WEBP", "TIFF", "GIF"):
        images.append(Image.fromarray(np.dstack([pixels, pixels[..., :1]])))
        options.append({})
    made = []
    for image, given in zip(images, options, strict=True):
        file = io.BytesIO()
        image.save(file, kind, **given)
        made.append(file.getvalue())
    return made


def _right_crcs(data: bytes) -> bytes:
    """A PNG with the checksum that each of its chunks should have."""
    made, at = bytearray(data[:8]), 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        whole = data[at + 4 : at + 8 + length]
        made += data[at : at + 4] + whole + zlib.crc32(whole).to_bytes(4, "big")
        at += length + 12
    return bytes(made)


def _read_picture(data: bytes, ending: str) -> None:
    """As `evaluate` reads it, and as `data prepare` does."""
    path = stored(data, f"a.{ending}")
    whole = read_rgb(path)
    assert whole.dtype == np.uint8
    assert whole.ndim == 3
    assert read_image(path, 16, 3).shape == (16, 16, 3)


def _score(data: bytes, ending: str) -> None:
    """The first images of a file, as they are handed to experts."""
    source = open_images(stored(data, f"images.{ending}"))
    chunk = next(source.draw(2, 0, 0), None)
    assert chunk is None or chunk[0].dtype == np.uint8


PICTURES = {
    "png": "PNG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP", "tif": "TIFF", "bmp": "BMP",
    "ppm": "PPM",
}  # fmt: skip


# ------------------------------------------------------------ what a run folder of others holds

CONDITION = {"kind": "attributes", "names": ["Hat", "Smile", "Glasses"], "groups": [["Hat"]]}
TINY = {"width": 2, "z_dim": 2, "batch_size": 4, "steps": 9}


def _config(method: str, size: int = 16, condition: dict[str, Any] | None = None) -> dict[str, Any]:
    wide = len(condition["names"]) if condition else 0
    shape = {"size": size, "channels": 1 if size else 2, "condition": wide}
    config = {
        "format": 1,
        "method": method,
        "data": {
            "name": "faces-16",
            "path": "/data/faces-16",
            "source": "folder",
            "kind": "images" if size else "points",
            "shape": shape,
            "checksum": "0123456789abcdef",
        },
        "options": settings.from_mapping(method, TINY).options(),
        "parameters": {"dec": 123},
        "step_macs": 456,
    }
    return config | ({"condition": condition} if condition else {})


def _configs() -> list[bytes]:
    configs = (_config("vae"), _config("idvae", 32, CONDITION), _config("alpha-gan", 0))
    return [strict_yaml.dump(config).encode() for config in configs]


def _open_run(data: bytes) -> object:
    """All that is done with a config.yaml before its checkpoint is read."""
    run = Run.open(stored(data, "run/config.yaml").parent)
    chosen = settings.of_run(run.config["method"], run.config["options"])
    Condition.from_config(run.config.get("condition"))
    run.processes(3)
    run.write_config()
    return planned_method(chosen, shape_of_run(run))


def _metrics(data: bytes) -> object:
    run = Run(stored(data, "run/metrics.jsonl").parent, {"options": {"batch_size": 4}})
    run.rewind_metrics(10)
    return minutes(run)


def _conditions(data: bytes) -> np.ndarray:
    return Run(stored(data, "run/conditions.npy").parent, {"condition": CONDITION}).conditions()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


@functools.cache
def _network() -> torch.nn.Module:
    return build_method(settings.from_mapping("vae", {"width": 2, "z_dim": 2}), DataShape(0, 2), 0)


def _checkpoint(data: bytes, name: str) -> object:
    """A checkpoint in which one file is of others, read as going on reads it."""
    parts = {
        "state.json": b'{"format": 1, "step": 2, "method": "vae"}',
        "model.safetensors": save(_network().state_dict()),
        "optimizers.safetensors": save({}),
    }
    for part, own in parts.items():
        stored(data if part == name else own, f"checkpoints/00000002/{part}")
    folder = stored(b"", "checkpoints/.note").parent
    checkpoints.is_whole(folder / "00000002")
    found = checkpoints.load(folder, "vae", like=_network())
    checkpoints.load_method(copy.deepcopy(_network()), found.model, folder)
    adam = torch.optim.Adam(_network().parameters())
    return checkpoints.load_optimizer_state({"vae": adam}, found.optimizers, folder)


def _moments() -> list[bytes]:
    network = copy.deepcopy(_network())
    adam = torch.optim.Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    adam.step()
    return [save(checkpoints.optimizer_state({"vae": adam}))]


def _plan(data: bytes) -> object:
    plan = Plan.read(stored(data, "plan.yaml"))
    return [settings.from_mapping(name, plan.options_of(name)) for name in plan.methods]


def _plans() -> list[bytes]:
    files = (Path(__file__).parent.parent / "results").rglob("plan*.yaml")
    return [
        b"methods: [idvae, vae]\ndata: [a]\nseeds: [0, 1]\nconfig: fair\noptions: {steps: 9}\n",
        b"methods: {idvae: {lambda: 3}, gan: }\ndata: [a, b]\nevaluate: {experts: lite0, n: 9}\n",
        *(file.read_bytes() for file in sorted(files)),
    ]


def _search(data: bytes) -> object:
    search = Search.read(stored(data, "search.yaml"))
    tried = {name: space.draw(random.Random(0)) for name, space in search.spaces.items()}
    return [settings.from_mapping(m, search.plan.options_of(m, tried[m])) for m in tried]


def _searches() -> list[bytes]:
    return [
        b"methods: {vae: {beta: {low: 0.1, high: 1, log: true}}}\ndata: [a]\ntrials: 3\n",
        b"methods: {gan: {lr: [1e-3, 5e-4], width: 8}}\ndata: [a]\ntrials: 2\nbudget: 7e12\n"
        b"objective: {expert: lite0@64, metric: fd}\nsearch_seed: 3\nevaluate: {n: 9}\n",
    ]


YAML = (b"&a ", b"*a", b"<<: ", b"!!python/name:os.system ", b"!!binary ", b"!!set ", b"null",
        b"- ", b": ", b"? ", b"|\n", b">\n", b"{", b"}", b"~", b"..", b"config: ", b"/", b"1:30",
        b".inf", b"0x", b"%YAML 9", b"---\n", b"...\n", b"true")  # fmt: skip
JSON = (b"NaN", b"-Infinity", b"1e400", b"null", b"true", b"{}", b"[[", b'"step"', b"\\ud800", b":")
HEADER = (b'"F64"', b'"I8"', b'"F8_E5M2"', b"[0]", b"[]", b'"shape"', b'"data_offsets"', b'"dtype"',
          b"__metadata__", b'":{')  # fmt: skip


TARGETS: dict[str, Target] = {
    "idx": Target(lambda data: read_idx(stored(data, "x-idx3-ubyte"), 3), _idx),
    "idx.gz": Target(
        lambda data: read_idx(stored(data, "x-idx3-ubyte.gz"), 3),
        lambda: [gzip.compress(data, mtime=0) for data in _idx()],
    ),
    "cifar.tar": Target(
        lambda data: _read_cifar(gzip.compress(data, 1, mtime=0)),
        _cifar,
        (b"ustar\0", b"cifar-10-batches-bin/", b"test_batch.bin", b"77777777777", b"\x80\0\0\0"),
        _right_tar,
    ),
    "cifar.tar.gz": Target(
        _read_cifar, lambda: [gzip.compress(data, mtime=0) for data in _cifar()]
    ),
    "attributes": Target(
        lambda data: read_attributes(stored(data, "a.csv"), ["a.png", "b/c.png"]),
        _attributes,
        (b"a.png", b"b/c.png", b"file", b"Hat", b"-1", b" ", b"\t"),
    ),
    "npy": Target(
        lambda data: _score(data, "npy"),
        _npys,
        (
            b"'descr': '|O'",
            b"'<f8'",
            b"'|S9'",
            b"True",
            b"(1,)",
            b"\x02\x00",
            b"9223372036854775807",
        ),
    ),
    "npz": Target(lambda data: _score(data, "npz"), _npzs, (b"PK\x01\x02", b"PK\x05\x06", b".npy")),
    "statistics": Target(
        lambda data: Statistics.load(stored(data, "moments.npz")).factor(),
        _statistics,
        (
            b"PK\x01\x02",
            b"mu.npy",
            b"sigma.npy",
            b"'<i8'",
            b"'<c16'",
            b"\xff\xff\xff\xff\xff\xff\xef\x7f",
        ),
    ),
    "config.yaml": Target(_open_run, _configs, YAML),
    "options.yaml": Target(
        lambda data: settings.from_flags("idvae", ["--config", str(stored(data, "o.yaml"))]),
        lambda: [strict_yaml.dump(settings.from_mapping("idvae", TINY).options()).encode()],
        YAML,
    ),
    "plan.yaml": Target(_plan, _plans, YAML),
    "search.yaml": Target(_search, _searches, YAML),
    "metrics.jsonl": Target(
        _metrics,
        lambda: [b'{"step": 5, "loss": 0.5, "images_per_s": 3.0}\n{"step": 9, "loss": 1}\n'],
        JSON,
    ),
    "conditions.npy": Target(
        _conditions,
        lambda: [_npy(np.ones((5, 3), np.int8)), _npy(np.zeros((1, 3), np.int8))],
        (b"'|i1'", b"'|O'", b"(5, 3)", b"True", b"\x02\x00"),
    ),
    "state.json": Target(
        functools.partial(_checkpoint, name="state.json"),
        lambda: [b'{"format": 1, "step": 2, "method": "vae"}'],
        JSON,
    ),
    "weights": Target(
        functools.partial(_checkpoint, name="model.safetensors"),
        lambda: [save(_network().state_dict())],
        HEADER,
    ),
    "moments": Target(
        functools.partial(_checkpoint, name="optimizers.safetensors"), _moments, HEADER
    ),
    **{
        ending: Target(
            functools.partial(_read_picture, ending=ending),
            functools.partial(_pictures, kind),
            repair=_right_crcs if kind == "PNG" else None,
        )
        for ending, kind in PICTURES.items()
    },
}


# ----------------------------------------------------------------------------------- mutations

EDGES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
         b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"-1", b"0", b"99999999999999999999",
         b"1e999", b"nan", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x1b[2J", b"'", b'"',
         b",", b"(", b")", b"[", b"{")  # fmt: skip


def mutate(rng: random.Random, corpus: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """One of the corpus, changed in one to several places."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        at = rng.randrange(len(data) + 1)
        # Headers are short and say the most, so they are hit more often than chance would.
        at = min(at, rng.randrange(64)) if rng.random() < 0.4 else at
        length = min(len(data) - at, int(2 ** rng.uniform(0, 10)))
        match rng.randrange(9):
            case 0:  # a bit
                if at < len(data):
                    data[at] ^= 1 << rng.randrange(8)
            case 1:  # a byte
                data[at : at + 1] = rng.randbytes(1)
            case 2:  # an edge of the integers, or a word of the format, over what is there
                word = rng.choice((*EDGES, *words))
                data[at : at + len(word)] = word
            case 3:  # the same, put in
                data[at:at] = rng.choice((*EDGES, *words))
            case 4:
                del data[at : at + length]
            case 5:
                del data[at:]
            case 6:  # a piece again
                data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))
            case 7:  # a piece of another file
                other = rng.choice(corpus)
                start = rng.randrange(len(other) + 1)
                data[at : at + length] = other[start : start + length]
            case 8:
                data[at : at + length] = rng.randbytes(length)
    return bytes(data)


# ---------------------------------------------------------------------------------------- runs


@dataclass
class Result:
    """What became of the inputs of a target.

    Attributes:
        executions: inputs read.
        seconds: all of it took.
        accepted: how many were taken.
        refused: how many were refused, by the place that refused them.
        findings: by where it was raised: the input, and what was raised.
    """

    executions: int = 0
    seconds: float = 0.0
    accepted: int = 0
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    findings: dict[str, tuple[bytes, str]] = field(default_factory=dict)


def attempt(target: Target, data: bytes) -> tuple[str, str]:
    """What became of one input, and by what.

    Returns:
        "accepted" and nothing; "refused" and the place that did; "finding" and what was raised.
    """
    began = time.process_time()  # a busy machine is no finding
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            target.read(data)
    except UserError as error:
        text = str(error)
        if len(text) > LONGEST or not text.isprintable():
            return "finding", f"a message that floods or steers a terminal: {text[:80]!r}"
        outcome, said = "refused", f"{_place(error)} {type(error.__cause__).__name__}"
    except Exception as error:
        return "finding", f"{type(error).__name__} at {_place(error)}: {str(error)[:200]}"
    else:
        outcome, said = "accepted", ""
    if time.process_time() - began > SLOWEST:
        return "finding", f"{outcome} after {time.process_time() - began:.0f} s"
    return outcome, said


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def fuzz(
    target: Target, seed: int, *, executions: int | None = None, seconds: float | None = None
) -> Result:
    """Read valid files, then mutated ones, until either limit; the same ones for the same seed."""
    rng, result = random.Random(seed), Result()
    valid = target.valid()
    corpus, fresh = list(valid), list(valid)
    met: set[str] = set()
    began = time.monotonic()
    while result.executions != executions and (
        seconds is None or time.monotonic() - began < seconds
    ):
        if fresh:
            data = fresh.pop()
        else:
            data = mutate(rng, corpus if rng.random() < 0.5 else valid, target.words)
            if target.repair and rng.random() < 0.8:
                data = target.repair(data)
        outcome, said = attempt(target, data)
        result.executions += 1
        if outcome == "accepted":
            result.accepted += 1
        elif outcome == "refused":
            result.refused[said] += 1
        else:
            result.findings.setdefault(said.split(": ")[0], (data, said))
        if said not in met and len(corpus) < CORPUS:
            met.add(said)
            corpus.append(data)
    result.seconds = time.monotonic() - began
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--input", type=Path, help="read this file once, and show what it does")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    if unknown := [name for name in options.targets if name not in TARGETS]:
        parser.error(f"no target {unknown[0]}; there are {', '.join(TARGETS)}")
    if options.input:
        TARGETS[options.targets[0]].read(options.input.read_bytes())
        print("accepted")
        return 0
    found = 0
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # libtiff and libjpeg tell of each damaged file there
    print(
        f"{'target':<16}{'inputs':>10}{'per s':>8}{'accepted':>10}{'refused':>10}{'by':>5}  found"
    )
    for name in options.targets or TARGETS:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        result = fuzz(TARGETS[name], options.seed, seconds=60 * options.minutes)
        refused = result.refused.total()
        print(
            f"{name:<16}{result.executions:>10,}{result.executions / result.seconds:>8,.0f}"
            f"{result.accepted:>10,}{refused:>10,}{len(result.refused):>5}"
            f"{len(result.findings):>7}",
            flush=True,
        )
        for number, (data, said) in enumerate(result.findings.values()):
            options.out.mkdir(parents=True, exist_ok=True)
            file = options.out / f"{name}-{number}.bin"
            file.write_bytes(data)
            print(f"  {said}\n    python benchmarks/fuzz.py {name} --input {file}", flush=True)
        found += len(result.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
