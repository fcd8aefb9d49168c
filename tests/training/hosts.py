"""Two hosts on one machine: network namespaces of Linux, joined by a cable that can be pulled."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """One of them.

    Attributes:
        name: of its namespace.
        address: of its end of the cable.
        cable: the name of that end, its only network besides its own.
    """

    name: str
    address: str
    cable: str

    def command(self, *words: str) -> list[str]:
        """What runs a command there."""
        return ["ip", "netns", "exec", self.name, *words]

    def end_all(self) -> None:
        """Kill whatever runs there: nothing does but what was started by `command`."""
        found = subprocess.run(
            ["ip", "netns", "pids", self.name], check=False, capture_output=True, text=True
        )
        for pid in found.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def plug(self, state: str) -> None:
        """Pull the cable at this end (`down`), or put it in again (`up`)."""
        _ip("-n", self.name, "link", "set", self.cable, state)


def missing() -> str | None:
    """What two hosts need and this machine lacks."""
    if shutil.which("ip") is None:
        return "needs iproute2's ip"
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    probe = f"idvae{os.getpid()}"
    try:
        _ip("netns", "add", probe)
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.strip()}"
    _ip("netns", "delete", probe)
    return None


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Make them; they are gone afterwards, and what runs there with them."""
    tag = os.getpid()
    hosts = tuple(
        Host(f"idvae{tag}{end}", f"10.99.7.{number}", f"cable{tag}{end}"[-15:])
        for number, end in enumerate("ab", 1)
    )
    a, b = hosts
    try:
        for host in hosts:
            _ip("netns", "add", host.name)
            _ip("-n", host.name, "link", "set", "lo", "up")
        _ip("link", "add", a.cable, "netns", a.name, "type", "veth",
            "peer", "name", b.cable, "netns", b.name)  # fmt: skip
        for host in hosts:
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", host.cable)
            host.plug("up")
        yield a, b
    finally:
        for host in hosts:
            host.end_all()
            subprocess.run(["ip", "netns", "delete", host.name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
