"""What a figure was measured on."""

import os
import platform
from pathlib import Path
from typing import Any

from idvae.io.machine import cores


def facts() -> dict[str, Any]:
    """Processor, cores, memory, threads and versions, for the JSON beside each figure."""
    import numpy as np
    import torch

    found = {
        "cpu": cpu_model(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
    return found


def cpu_model() -> str:
    """The processor's name, as the system prints it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
