"""`idvae evaluate`: score a generator's images against real ones by a battery of experts."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idvae import pretrained
from idvae.cli import probe
from idvae.cli.parser import Parser, add_count, add_seed
from idvae.errors import UserError
from idvae.evaluate.scores import DEFAULT_METRICS, checked_metrics
from idvae.io.destination import Destination
from idvae.io.progress import Begin, display
from idvae.options import flag_of, listed
from idvae.training.run import WEIGHTS

if TYPE_CHECKING:
    import numpy as np

    from idvae.evaluate.scores import Scores

ASKED = (
    "reference", "split", "experts", "metrics", "infinity", "n", "reference_n", "repeats", "seed",
    "perceptual", "true_data", "no_true_data",
)  # fmt: skip
RUN_PARTS = ("config.yaml", "conditions.npy", "metrics.jsonl", "checkpoints", WEIGHTS)  # read of it


def run(argv: Sequence[str]) -> None:
    """Score, print, and write scores.json."""
    options = parser().parse_args(argv)
    options.images = str(pretrained.find(options.images))
    if options.probe:
        probe.run(options, parser(), _own_place(options.images), _inputs(options, [], {}))
        return
    if options.probe_n is not None:
        raise UserError("--probe-n is of --probe; add it")
    if options.name is not None and not options.name.isprintable():
        raise UserError(f"--name {options.name!r} is no line of text")
    asked = asked_of(options)
    experts, metrics = listed(options.experts), listed(options.metrics)
    if options.infinity and "fd_infinity" not in metrics:
        metrics.append("fd_infinity")
    value_range, weights = _range(options.range), _weights(options.weights)
    out = _out(options)
    inputs = _inputs(options, experts, weights)
    place = Destination(out, options.overwrite, inputs=inputs, ours=_holds_scores)
    place.check()
    check(options)

    from idvae.evaluate.battery import evaluate
    from idvae.training.distributed import group_of, own_device, torch_device

    options.device = str(torch_device(own_device(options.device)))
    with (
        group_of("evaluation", "start it again") as rank,
        display(rank == 0, lines=sys.stdout) as announce,
    ):
        model, images = _images(options)
        reference = _reference(options.reference, model)
        real: Any = not options.no_true_data
        if options.true_data is not None:
            _check_no_run(options.true_data)
            real = options.true_data
        scores = evaluate(
            images,
            reference,
            experts=experts,
            metrics=metrics,
            n=options.n,
            reference_n=options.reference_n,
            repeats=options.repeats,
            seed=options.seed,
            split=options.split,
            name=options.name or _one_line(Path(options.images).resolve().name),
            weights=weights,
            value_range=value_range,
            device=options.device,
            trust=options.trust,
            true_data=real,
            announce=announce,
        )
        if model is not None:
            scores.about["step"] = model.step
            scores.reconstruction = _reconstruction(
                model, options, experts, weights, announce, scores.warnings
            )
        scores.about["asked"] = asked
        if rank == 0:
            scores.save(place)
            _print(scores, out)


def check(options: Namespace) -> None:
    """Check what the flags say by themselves, before anything is trained or scored.

    Raises:
        UserError: a count that is out of range, or an expert or a metric that there is not.
    """
    for name, least in (("n", 2), ("reference_n", 2), ("repeats", 1)):
        if (value := getattr(options, name)) is not None and value < least:
            raise UserError(f"{flag_of(name)} {value} is out of range; it is at least {least}")

    from idvae.evaluate.experts import parse

    for expert in listed(options.experts):
        parse(expert)
    checked_metrics([*listed(options.metrics), *(["fd_infinity"] if options.infinity else [])])


def asked_of(options: Namespace) -> dict[str, Any]:
    """The flags that say what is scored and how, which a plan may change later."""
    return {name: getattr(options, name) for name in ASKED}


def parser() -> Parser:
    """The parser of its flags."""
    parser = Parser("evaluate", "Score images against real ones by a battery of experts.")
    parser.add_argument(
        "images",
        metavar="IMAGES",
        help="a run, a name of idvae pretrained or hf://OWNER/NAME, a folder, or FILE.npz or .npy",
    )
    parser.add_argument(
        "--reference",
        metavar="DATA",
        help="the real side: a prepared set, a folder, images in .npz, or an .npz of mu and sigma; "
        "for a run, the set that it was trained on",
    )
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        help="the split of a prepared set that is the real side, and that a run reconstructs; the "
        "baseline is then training images, or test images beside train. Without it: the training "
        "split, held-out images as the baseline, reconstructions of the test split",
    )
    parser.add_argument(
        "--experts",
        default="lite0,lite1,lite2",
        help="NAME, NAME@SIZE or NAME=FILE.onnx, joined by commas; see idvae experts list",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="also take NAME=FILE.pt, TorchScript: a program that can do anything when opened",
    )
    parser.add_argument(
        "--metrics",
        default=",".join(DEFAULT_METRICS),
        help="joined by commas; also fd_infinity and mind",
    )
    parser.add_argument(
        "--infinity", action="store_true", help="also FD∞, the distance at infinitely many images"
    )
    add_count(parser, "images a sample set; 10,000 where there are as many")
    parser.add_argument("--reference-n", type=int, default=50_000, help="most real images")
    parser.add_argument("--repeats", type=int, default=5, help="sample sets: fresh, or disjoint")
    add_seed(parser, "of sample sets and choices")
    parser.add_argument("--name", help="as in tables; the name of IMAGES if not given")
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="the weight file of an expert, a folder for dinov2 and clip; may be given again",
    )
    parser.add_argument(
        "--range", metavar="LOW,HIGH", help="black and white of images that are floats"
    )
    parser.add_argument(
        "--true-data", metavar="PLACE", help="real images of the real-data baseline"
    )
    parser.add_argument(
        "--no-true-data", action="store_true", help="leave the real-data baseline out"
    )
    parser.add_argument(
        "--perceptual", action="store_true", help="also reconstructions as the experts see them"
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="instead of scoring images, measure whether the code of a run knows the classes or "
        "attributes of its data: probe.json",
    )
    parser.add_argument(
        "--probe-n", type=int, help="most training images that --probe learns from; 10,000"
    )
    parser.add_argument("--step", type=int, help="which checkpoint of a run; the newest if none")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--out",
        help="scores.json, scores-SPLIT.json or probe.json, in the run, or here, if not given",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace --out if it is there")
    return parser


def _range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--range {text}: it is LOW,HIGH, such as --range=-1,1") from error
    if not low < high:
        raise UserError(f"--range {text}: the first number is the lower one")
    return low, high


def _weights(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--weights {pair}: it is NAME=PATH, such as fid15=inception.pth")
        found[name] = path
    return found


def _is_run(place: str) -> bool:
    return (Path(place) / "config.yaml").is_file()


def _out(options: Namespace) -> Path:
    if options.out is not None:
        return Path(options.out)
    from idvae.evaluate.scores import file_name

    return _own_place(options.images) / file_name(options.split)


def _own_place(images: str) -> Path:
    """Where what is found goes without --out: into the run, or here."""
    own = _is_run(images) and not (Path(images) / WEIGHTS).exists()  # a released model stays
    return Path(images) if own else Path()


def _inputs(
    options: Namespace, experts: Sequence[str], weights: dict[str, str]
) -> tuple[Path, ...]:
    """All that is read; what is no place, as the name of an expert, does not exist either."""
    images = Path(options.images)
    places = [images]
    if _is_run(options.images):  # the scores of a run lie in it, beside these
        places = [images / part for part in RUN_PARTS]
    from idvae import data

    for name in (options.reference, options.true_data):
        if name is not None:
            places += [Path(name), data.root() / name]
    files = [expert.partition("=")[2].partition("@")[0] for expert in experts if "=" in expert]
    return tuple(places + [Path(file) for file in (*files, *weights.values()) if file])


def _holds_scores(file: Path) -> bool:
    from idvae.evaluate.scores import Scores

    try:
        Scores.load(file)
    except (UserError, OSError):
        return False
    return True


def _images(options: Namespace) -> tuple[Any, Any]:
    """The model of a run or None, and what to score."""
    if not _is_run(options.images):
        if told := not Path(options.images).exists() and pretrained.hint(Path(options.images)):
            raise UserError(f"{options.images}: no such file or folder{told}")
        if options.step is not None:
            raise UserError(f"--step belongs to a run; {options.images} is none")
        return None, options.images
    from idvae.evaluate.sources.drawn import Numbered
    from idvae.model import load

    model = load(options.images, options.step, options.device)
    if model.is_points:
        raise UserError(
            f"{options.images} makes points, which experts do not look at; its training has "
            "printed the modes it covers"
        )
    return model, Numbered(model.samples, options.images)


def _reference(name: str | None, model: Any) -> Any:
    """A prepared set, or a place of images or moments."""
    if name is None:
        if model is None:
            raise UserError("say what real images are: --reference DATA; see idvae data list")
        from idvae.training.start import data_of

        return data_of(model.run)
    _check_no_run(name)
    path = Path(name)
    is_place = path.suffix in (".npz", ".npy") or path.is_dir()
    if is_place and not (path / "meta.json").is_file():
        return name
    from idvae import data

    return data.resolve(name)


def _one_line(name: str) -> str:
    return "".join(c if c.isprintable() else " " for c in name)


def _check_no_run(name: str) -> None:
    """Its curves and grids are pictures too, and no real images."""
    if _is_run(name):
        raise UserError(f"{name} is a run, not real images; name a data set or a folder of images")


def _reconstruction(
    model: Any,
    options: Namespace,
    experts: Sequence[str],
    weights: dict[str, str],
    announce: Begin,
    warnings: list[str],
) -> dict[str, Any] | None:
    """Errors and their facts; None without an encoder or images, the latter with a warning."""
    if not model.method.reconstructs:
        return None
    from idvae.evaluate.experts import open_experts
    from idvae.evaluate.reconstruct import TEST_N, reconstruction
    from idvae.training.start import data_of

    prepared = data_of(model.run)
    images = prepared.split(split := options.split or "test")
    if not len(images):
        warnings.append(
            f"no reconstructions: {prepared.name} has no {split} images; --split names another"
        )
        return None
    opened = []
    if options.perceptual:
        opened = open_experts(
            experts,
            weights=weights,
            checksum=prepared.checksum,
            device=options.device,
            trust=options.trust,
        )
    report = announce("reconstructions", min(len(images), TEST_N))

    def reconstruct(some: "np.ndarray", numbers: "np.ndarray") -> "np.ndarray":
        condition = model.condition
        y = None if condition is None else condition.rows(prepared, images, numbers)
        return model.reconstruct(some, y)

    found = reconstruction(images, reconstruct, experts=opened, progress=report)
    found["facts"]["data"] = prepared.checksum
    if options.split:
        found["facts"]["split"] = options.split
    return found


def _print(scores: "Scores", out: Path) -> None:
    for warning in scores.warnings:
        print(f"idvae: warning: {warning}", file=sys.stderr)
    for label, row in (("True Data", scores.true_data), (scores.name, scores.row)):
        for expert, metrics in row.items():
            cells = [
                f"{metric} {value.mean:.4g}" + (f"±{value.sd:.2g}" if value.sd is not None else "")
                for metric, value in metrics.items()
            ]
            print(f"{label}  {expert}  {'  '.join(cells)}")
    if scores.reconstruction:
        values = scores.reconstruction["values"]
        cells = [f"{metric} {value['mean']:.5g}" for metric, value in values.items()]
        print(f"{scores.name}  reconstruction  {'  '.join(cells)}")
    print(f"wrote {out}")
