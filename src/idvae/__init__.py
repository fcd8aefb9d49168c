"""Image autoencoders that also generate: IDVAE, its rivals, and their evaluation."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["load", "resume", "train"]

if TYPE_CHECKING:
    from idvae.model import load
    from idvae.training.start import resume_run as resume
    from idvae.training.start import train


def __getattr__(name: str) -> Any:
    # torch takes a second to import: only those who ask for it pay.
    if name == "load":
        from idvae.model import load

        return load
    if name in ("train", "resume"):
        from idvae.training import start

        return start.train if name == "train" else start.resume_run
    raise AttributeError(f"module 'idvae' has no attribute {name!r}")
