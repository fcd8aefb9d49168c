"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 grey garments of 28×28, 10 classes."""

from collections.abc import Sequence
from pathlib import Path

from idvae.data import hub
from idvae.data.idx import read_folder
from idvae.data.official import Part, plan_official
from idvae.data.source import DOWNLOAD, Plan, Request
from idvae.errors import UserError

name = "fashion-mnist"
summary = "70,000 grey garments of 28×28, 10 classes; --source DIR, Debian's package, or a download"
licence = "MIT, © 2017 Zalando SE"
kind = "images"
default_size = 32
default_n = None

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
HUB = "zalando-datasets/fashion_mnist"
HUB_COUNTS = (60_000, 10_000)
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
needs_nothing = DEBIAN.is_dir()


def plan(request: Request) -> Plan:
    """All garments, by the official test.

    Raises:
        UserError: files that are missing or damaged.
    """
    return plan_official(name, _read(request.source), request, CLASSES)


def _read(source: str | None) -> Sequence[Part]:
    if source == DOWNLOAD:
        return hub.classified(HUB, "image", "label", HUB_COUNTS)
    folder = Path(source) if source else DEBIAN
    if not source and not folder.is_dir():
        raise UserError(
            "fashion-mnist was not found; give its four idx .gz files with --source DIR, install "
            "Debian's package dataset-fashion-mnist, or download it with --source huggingface"
        )
    return read_folder(folder)
