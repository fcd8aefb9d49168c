"""`idvae experts list | fetch | train`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from idvae.cli.parser import Parser, add_seed
from idvae.errors import UserError
from idvae.io.destination import Destination
from idvae.io.progress import display

USAGE = """idvae experts list
       idvae experts fetch NAME...
       idvae experts train DATA [--steps 2000] [--out FILE.safetensors] [--overwrite]"""


def run(argv: Sequence[str]) -> None:
    """List experts, fetch their weights, or train one on a data set."""
    commands = {"list": _list, "fetch": _fetch, "train": _train}
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    Parser("experts", "Experts: networks that make features.", usage=USAGE).parse_args(argv)
    raise UserError("say list, fetch or train; see idvae experts --help")


def _list(argv: Sequence[str]) -> None:
    Parser("experts list", "Every expert, and whether it can be used now.").parse_args(argv)

    from idvae.evaluate import experts

    for name in experts.names():
        print(f"{name:<7} {experts.SUMMARIES[name]}  [{experts.status(name)}]")
    print(
        "\nAny of them runs at another size as NAME@SIZE, lite0@96 say. An expert of your own is "
        "NAME=FILE.onnx,\nwhich takes float images (N, 3, H, W) from 0 to 255; TorchScript is "
        "taken only with --trust."
    )


def _fetch(argv: Sequence[str]) -> None:
    parser = Parser("experts fetch", "Download published weights into the cache, and verify them.")
    parser.add_argument("names", metavar="NAME", nargs="+", help="fid15, fid16 or frd")
    options = parser.parse_args(argv)

    from idvae.evaluate import experts

    for name in options.names:
        print(f"{name}: {experts.fetch(name)}", flush=True)


def _train(argv: Sequence[str]) -> None:
    parser = Parser("experts train", "Train the expert `domain` on a set's training split.")
    parser.add_argument("data", metavar="DATA", help="a prepared set; see idvae data list")
    parser.add_argument("--steps", type=int, default=2000, help="of 128 images")
    add_seed(parser, "of the training")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument(
        "--out", metavar="FILE.safetensors", help="where evaluate looks, if not given"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier expert")
    options = parser.parse_args(argv)
    if options.steps < 1:
        raise UserError(f"--steps {options.steps} is out of range; it is at least 1")
    if options.out and Path(options.out).suffix != ".safetensors":
        raise UserError(f"--out {options.out}: experts are written as FILE.safetensors")

    from idvae import data
    from idvae.evaluate.experts import domain
    from idvae.training.distributed import torch_device

    device = str(torch_device(options.device))
    prepared = data.resolve(options.data)
    if prepared.kind != "images":
        raise UserError(f"{prepared.name} holds points; experts look at images")
    path = Path(options.out) if options.out else domain.default_path(prepared.checksum)
    Destination(path, options.overwrite, inputs=(prepared.path,)).check()

    with display(lines=sys.stdout) as begin:
        advance = begin("step", options.steps)
        facts = domain.train(
            prepared.split("train"),
            path,
            checksum=prepared.checksum,
            classes=len(prepared.classes) if prepared.classes else None,
            steps=options.steps,
            seed=options.seed,
            device=device,
            on_step=lambda step, loss: advance(1, f"loss {loss:.4f}"),
        )
    print(f"{facts['task']}: {facts['accuracy']:.1%} right on a tenth it was not trained on")
    print(f"wrote {path}")
