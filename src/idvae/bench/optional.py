"""Rivals that may not be installed: they are left out, and the reason is told."""

from collections.abc import Callable
from importlib.util import find_spec


def is_there(package: str, announce: Callable[[str], None]) -> bool:
    """Whether a rival's package is installed; `announce` is told where it is not."""
    if find_spec(package) is not None:
        return True
    announce(f"{package} is left out: it is not installed (pip install 'idvae[bench]')")
    return False
