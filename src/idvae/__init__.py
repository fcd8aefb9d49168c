"""Image autoencoders that also generate: IDVAE, its rivals, and their evaluation."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["load", "train"]

if TYPE_CHECKING:
    from idvae.model import load
    from idvae.training.start import train


def __getattr__(name: str) -> Any:
    # torch takes a second to import: only those who ask for it pay.
    if name == "load":
        from idvae.model import load

        return load
    if name == "train":
        from idvae.training.start import train

        return train
    raise AttributeError(f"module 'idvae' has no attribute {name!r}")
