"""What this process may use of the machine."""

import os


def cores() -> int:
    """Cores that this process may use; all where the system keeps no account of it."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
