"""A plan of small runs on points, written as a test asks."""

import pytest
import yaml

from idvae import data
from sweep.small import OPTIONS


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "data"))
    data.prepare("gaussians-ring", n=200)

    def write(**values):
        path = tmp_path / "plan.yaml"
        filled = {"methods": ["vae"], "data": ["gaussians-ring"], "options": OPTIONS, **values}
        path.write_text(yaml.safe_dump({k: v for k, v in filled.items() if v is not None}))
        return path

    return write
