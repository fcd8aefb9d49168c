"""Rivals that may not be installed: they are left out, and the reason is told."""

from collections.abc import Callable
from importlib.util import find_spec


def is_there(package: str, announce: Callable[[str], None], by: str = "'idvae[bench]'") -> bool:
    """Whether a rival's package is installed; `announce` is told where it is not.

    Args:
        package: as it is imported.
        announce: is told in a line.
        by: what pip is to install.
    """
    if find_spec(package) is not None:
        return True
    announce(f"{package} is left out: it is not installed (pip install {by})")
    return False
