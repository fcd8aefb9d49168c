import gzip
import json
import os
from pathlib import Path

import numpy as np

from idvae.data.prepared import PreparedSet
from idvae.errors import UserError


def root():
    return Path(os.environ.get("IDVAE_DATA", Path.home() / ".cache/idvae"))


def open_set(p):
    return PreparedSet(p if Path(p).exists() else root() / p)


def resolve(name):
    if Path(name).is_dir():
        return PreparedSet(name)
    full = {"digits": "digits-16", "fashion-mnist": "fashion-mnist-32"}.get(str(name), str(name))
    if not (root() / full).is_dir():
        make(full)
    return PreparedSet(root() / full)


def make(name):
    d = root() / name
    d.mkdir(parents=True)
    modes = None
    if name == "digits-16":
        from sklearn.datasets import load_digits

        x = (load_digits().images / 16 * 255).astype(np.uint8).repeat(2, 1).repeat(2, 2)[..., None]
    elif name == "fashion-mnist-32":
        x = np.frombuffer(
            gzip.open("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz").read(),
            np.uint8,
            offset=16,
        ).reshape(-1, 28, 28)
        x = np.pad(x, ((0, 0), (2, 2), (2, 2)))[..., None]
    elif name.startswith("gaussians"):
        if name.endswith("ring"):
            a = np.arange(8) * 2 * np.pi / 8
            C = np.stack([np.cos(a), np.sin(a)], 1)
            s = 0.01
        else:
            g = (np.arange(5) - 2) * 2.0
            C = np.stack(np.meshgrid(g, g), -1).reshape(-1, 2)
            s = 0.05
        r = np.random.default_rng(0)
        x = (C[r.integers(len(C), size=100000)] + s * r.standard_normal((100000, 2))).astype(
            np.float32
        )
        modes = {"centres": C.tolist(), "sigma": s}
    pts = x.ndim == 2
    np.save(d / ("points.npy" if pts else "images.npy"), x)
    n = len(x)
    m = {
        "name": name,
        "source": name.rsplit("-", 1)[0] if not pts else name,
        "kind": "points" if pts else "images",
        "size": 0 if pts else x.shape[1],
        "channels": 2 if pts else x.shape[3],
        "checksum": "tmp",
        "counts": {"train": n - n // 5, "validation": n // 10, "test": n // 5 - n // 10},
        "modes": modes,
    }
    if not modes:
        del m["modes"]
    (d / "meta.json").write_text(json.dumps(m))
