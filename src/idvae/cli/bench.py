"""`idvae bench`: how fast it is, as ratios against rivals that run in turn with it."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idvae.cli.parser import Parser, add_count
from idvae.data.source import SIZES
from idvae.errors import UserError
from idvae.io.destination import Destination

if TYPE_CHECKING:
    from idvae.bench.rounds import Figure

WHAT = {
    "train": "images a second of training, beside plain code, pythae and the machine's rate",
    "evaluate": "a battery of experts, beside their bare forward passes and a plain loop",
    "data": "images a second that a machine feeds, beside torch's DataLoader and webdataset",
    "sample": "images drawn and encoded, beside pythae's VAE and diffusers' AutoencoderKL",
    "start": "seconds until the command line answers, and until the first training step",
}
COUNTS = {"evaluate": 1000, "data": 20_000, "sample": 1024}  # images, unless asked otherwise
USAGE = "idvae bench WHAT [options]\n\n" + "\n".join(f"  {k:<9} {v}" for k, v in WHAT.items())


def run(argv: Sequence[str]) -> None:
    """Measure, print a table, and write JSON where --out says."""
    if not argv or argv[0] not in WHAT:
        if argv and argv[0] not in ("-h", "--help"):
            raise UserError(f"unknown benchmark {argv[0]!r}; there are {', '.join(WHAT)}")
        print(f"usage: {USAGE}")
        return
    what = argv[0]
    options = _parser(what).parse_args(argv[1:])
    _check(options)
    measure = {
        "train": _train, "evaluate": _evaluate, "data": _data, "sample": _sample, "start": _start,
    }[what]  # fmt: skip
    measured = measure(options, lambda line: print(line, flush=True))

    from idvae.bench import rounds

    print(rounds.table(measured))
    if options.out:
        asked = {k: v for k, v in vars(options).items() if k not in ("out", "overwrite")}
        rounds.save(Destination(options.out, options.overwrite), what, asked, measured)
        print(f"wrote {options.out}")


def _parser(what: str) -> Parser:
    parser = Parser(f"bench {what}", f"Measures {WHAT[what]}.")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; medians are printed")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="also write the figures here")
    parser.add_argument("--overwrite", action="store_true", help="replace --out if it is there")
    if what in ("train", "data", "sample"):
        parser.add_argument(
            "--size", type=int, choices=SIZES, default=32, help="side of the images in pixels"
        )
        parser.add_argument("--preset", default="small", help="small, deep, paper or residual")
        parser.add_argument("--width", type=int, help="channels of the first convolution")
        parser.add_argument("--threads", type=int, default=0, help="of torch; 0 takes them all")
        parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    if what in ("train", "data"):
        parser.add_argument("--batch", type=int, default=64, help="images in a batch")
        parser.add_argument("--precision", default="32", help="of the library: 32, tf32 or bf16")
    if what == "data":
        parser.add_argument(
            "--workers", type=int, default=2, help="the library's threads, the rivals' processes"
        )
    if what == "train":
        parser.add_argument("--steps", type=int, default=10, help="training steps a round")
        parser.add_argument(
            "--graphs", action="store_true", help="the library's steps as CUDA graphs"
        )
        parser.add_argument(
            "--rivals",
            help="plain, pythae, joined by commas, or none; those that are installed if not given",
        )
        parser.add_argument(
            "--processes",
            type=int,
            help="compare this many single-threaded processes, each with --batch images, with one",
        )
    if what in COUNTS:
        add_count(parser, "images", COUNTS[what])
    if what == "evaluate":
        parser.add_argument(
            "--size", type=int, help="of the experts' input; their own if not given"
        )
    return parser


def _check(options: Namespace) -> None:
    if options.out:
        Destination(options.out, options.overwrite).check()
    for name in ("repeats", "steps", "batch", "n", "processes", "workers"):
        if (value := getattr(options, name, None)) is not None and value < 1:
            flag = f"-{name}" if name == "n" else f"--{name}"
            raise UserError(f"{flag} {value} is out of range; it is at least 1")


def _options(options: Namespace) -> dict[str, Any]:
    """As options of `idvae train`."""
    names = ("preset", "width", "threads", "device", "precision", "graphs", "workers")
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return {**given, "batch_size": options.batch} if hasattr(options, "batch") else given


def _train(options: Namespace, announce: Callable[[str], None]) -> "list[Figure]":
    if options.processes:
        from idvae.bench import processes

        flags = {k: v for k, v in _options(options).items() if v is not None and k != "threads"}
        given = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
        return processes.measure(
            options.processes, options.size, options.steps, given, options.repeats, announce
        )
    from idvae.bench import training
    from idvae.bench.optional import is_there
    from idvae.training.cuda_graphs import WARM_UP

    if options.graphs and options.steps <= WARM_UP:
        raise UserError(
            f"--steps {options.steps}: with --graphs it is at least {WARM_UP + 1}, the step that "
            "is recorded"
        )
    if options.rivals is None:
        rivals = [one for one in training.RIVALS if one == "plain" or is_there(one, announce)]
    else:
        rivals = [] if options.rivals == "none" else options.rivals.split(",")
    unknown = [rival for rival in rivals if rival not in training.RIVALS]
    if unknown:
        known = ", ".join(training.RIVALS)
        raise UserError(f"--rivals knows no {unknown[0]!r}; there are {known}, or none")
    what = training.Size(options.size, options.steps, _options(options))
    return training.measure(what, rivals, options.repeats, announce)


def _evaluate(options: Namespace, announce: Callable[[str], None]) -> "list[Figure]":
    from idvae.bench import evaluation

    return evaluation.measure(options.n, options.size, options.repeats, announce)


def _data(options: Namespace, announce: Callable[[str], None]) -> "list[Figure]":
    from idvae.bench import feeding

    return feeding.measure(options.n, options.size, _options(options), options.repeats, announce)


def _sample(options: Namespace, announce: Callable[[str], None]) -> "list[Figure]":
    from idvae.bench import sampling

    return sampling.measure(options.n, options.size, _options(options), options.repeats, announce)


def _start(options: Namespace, announce: Callable[[str], None]) -> "list[Figure]":
    from idvae.bench import starting

    return starting.measure(options.repeats, announce)
