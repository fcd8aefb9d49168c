"""Serving the page: on this machine alone unless asked, calling no one, leaving nothing behind."""

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from idvae.demo import actions, gate
from idvae.demo.uploads import MAX_BYTES
from idvae.errors import UserError
from idvae.model import Model
from idvae.training.signals import stop_signals

LOCAL = "127.0.0.1"
NAMES = (LOCAL, "localhost", "[::1]")
THREADS = 4  # that run functions; the queue lets the model be used by one at a time


@contextmanager
def serving(model: Model, name: str, host: str = LOCAL, port: int | None = None) -> Iterator[str]:
    """Serve a model's page while the context lasts, and yield its address.

    Args:
        model: of images.
        name: what it is called.
        host: where it listens.
        port: the first free one from 7860 if None.

    Raises:
        UserError: a model of points, gradio is not there, or the port is taken.
    """
    actions.check(model)
    host = host.strip("[]")
    shown = f"[{host}]" if ":" in host else host  # IPv6, as addresses have it
    _check_free(host, port or 0)
    with tempfile.TemporaryDirectory(prefix="idvae-demo-") as folder, _environment(folder, host):
        try:
            from starlette.middleware import Middleware

            from idvae.demo import page
        except ImportError as error:
            raise UserError(
                f"the demo needs gradio ({error}); install idvae with the extra `demo`"
            ) from error
        blocks = page.page(model, name)
        hosts = (*NAMES, shown) if is_local(host) else None
        middleware = [Middleware(gate.Gate, folder=Path(folder), hosts=hosts)]
        try:
            blocks.launch(
                server_name=shown,
                server_port=port,
                prevent_thread_lock=True,
                app_kwargs={"middleware": middleware, "docs_url": None, "redoc_url": None},
                max_file_size=MAX_BYTES,
                max_threads=THREADS,
                state_session_capacity=100,
                theme=page.THEME,
                css=page.CSS,
                footer_links=[],
                allowed_paths=[],
                blocked_paths=[],
                share=False,
                inline=False,
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                run_history=False,
                num_workers=0,
                show_error=True,
                quiet=True,
            )
        except OSError as error:
            raise UserError(f"cannot listen at {host} ({error}); choose another --port") from error
        try:
            yield f"http://{shown}:{blocks.server_port}"
        finally:
            blocks.close(verbose=False)


def _check_free(host: str, port: int) -> None:
    """Before anything is loaded; Gradio would find out late, and leave sockets open."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((host, port))
        except OSError as error:
            of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            where, other = (host, "host") if of_host else (f"{host}, port {port}", "port")
            raise UserError(
                f"cannot listen at {where}: {error.strerror}; choose another --{other}"
            ) from error


def is_local(host: str) -> bool:
    """Whether what listens there is reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def wait() -> None:
    """Until Ctrl-C, or a signal by which a process is asked to end, or its terminal is closed."""
    with stop_signals() as stopped:
        while not stopped.wait(1.0):  # without a limit some systems would not see the signal
            pass


@contextmanager
def _environment(folder: str, host: str) -> Iterator[None]:
    """What Gradio looks up: where files go, that it tells no one, that no proxy stands between.

    It asks its own page whether it is up, which must not go through a proxy.
    """
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), LOCAL, "localhost", host]))
    values: dict[str, Any] = {
        "GRADIO_TEMP_DIR": folder,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
