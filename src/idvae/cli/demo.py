"""`idvae demo`: a model in the browser."""

import sys
from collections.abc import Sequence
from pathlib import Path

from idvae.cli.parser import Parser, open_model
from idvae.errors import UserError

DEFAULT = "avatars-64"


def run(argv: Sequence[str]) -> None:
    """Serve a page on this machine until it is stopped."""
    parser = Parser(
        "demo",
        "A model in the browser, on this machine alone and without the network: generate, "
        "reconstruct an image of your own, edit it, walk between two, ask the discriminator. "
        "Ctrl-C stops it. It needs the extra demo.",
    )
    parser.add_argument(
        "run", metavar="RUN", nargs="?", type=Path, default=Path("pretrained") / DEFAULT,
        help="the folder of a run, or a name of idvae pretrained",
    )  # fmt: skip
    parser.add_argument("--step", type=int, help="which checkpoint; the newest if not given")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--port", type=int, help="where it listens; the first free from 7860")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address that it listens at; another than this one lets others in",
    )
    options = parser.parse_args(argv)
    if options.port is not None and not 1 <= options.port <= 65535:
        raise UserError(f"--port {options.port} is out of range; it is from 1 to 65535")
    from idvae.demo import server

    if not server.is_local(options.host):
        print(
            f"warning: at {options.host} whoever reaches this machine can use the demo; there is "
            "no password",
            file=sys.stderr,
        )

    model = open_model(options)
    name = model.run.path.resolve().name
    with server.serving(model, name, options.host, options.port) as address:
        print(f"{name}: {address}  (Ctrl-C stops it)", flush=True)
        server.wait()
    print("stopped")
