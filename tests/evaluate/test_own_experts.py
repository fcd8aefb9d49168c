import sys
import warnings

import numpy as np
import pytest
import torch

from evaluate.toys import Pooled, ToySplit, images, toy
from idvae.errors import UserError
from idvae.evaluate.experts import domain, fetch, names, open_expert, parse, status, weights
from idvae.evaluate.experts.own import CallableExpert
from idvae.evaluate.experts.weights import WeightFile, load_state, sha256


@pytest.fixture
def script(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch now prefers other formats
        torch.jit.trace(Pooled(), torch.zeros(2, 3, 16, 16)).save(tmp_path / "net.pt")
    return tmp_path / "net.pt"


def test_a_torchscript_file_is_an_expert(script):
    expert = open_expert(f"mine={script}@16")
    assert (expert.name, expert.width) == ("mine@16", 27)
    assert expert.facts["weights"] == sha256(script)
    pixels = images(40, 0)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    features, logits = Pooled()(x)
    found = expert(pixels)
    np.testing.assert_allclose(found.features, features.numpy())
    np.testing.assert_allclose(found.logits, logits.numpy())


def test_an_onnx_file_is_an_expert_or_says_what_it_needs(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"nothing")
    try:
        import onnxruntime  # noqa: F401

        words = "not an ONNX file"
    except ImportError:
        words = "pip install onnxruntime"
    with pytest.raises(UserError, match=words):
        open_expert(f"mine={tmp_path / 'net.onnx'}")


def test_onnx_sessions_are_called_with_the_images(tmp_path, monkeypatch):
    class Session:
        def __init__(self, path, providers):
            pass

        def get_inputs(self):
            return [type("Input", (), {"name": "pixels"})]

        def run(self, outputs, feed):
            assert outputs is None
            return [feed["pixels"].mean((2, 3))]

    runtime = type(sys)("onnxruntime")
    runtime.InferenceSession = Session
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    (tmp_path / "net.onnx").write_bytes(b"weights")
    expert = open_expert(f"mine={tmp_path / 'net.onnx'}")
    pixels = images(3, 0)
    np.testing.assert_allclose(expert(pixels).features, pixels.mean((1, 2)), rtol=1e-5)


def test_a_callable_is_an_expert_that_is_told_apart_by_what_it_answers():
    assert toy().facts == toy().facts
    assert toy().facts != toy(function=lambda x: toy()(x).features * 1.01).facts
    assert CallableExpert("a", lambda x: x, 3, identity="v2").facts["weights"] == "v2"
    wrong = CallableExpert("a", lambda x: np.zeros((1, 3)), 3, identity="x")
    with pytest.raises(UserError, match="answers"):
        wrong(images(9))


def test_files_that_are_no_networks_are_told(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a TorchScript file"):
        open_expert(f"mine={tmp_path / 'net.pt'}")
    with pytest.raises(UserError, match="no such file"):
        open_expert(f"mine={tmp_path / 'gone.pt'}")


@pytest.mark.parametrize("text", ["lite0@8", "lite0@5000", "lite9", "", "a b", "@64"])
def test_names_that_are_none_are_told(text):
    with pytest.raises(UserError):
        parse(text)
    assert parse("lite0@96").size == 96


class Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return open, (str(self.place), "w")


def test_nothing_is_unpickled(tmp_path):
    torch.save({"fc.weight": Touch(tmp_path / "touched")}, tmp_path / "bad.pth")
    with pytest.raises(UserError, match="cannot be read as weights"):
        load_state(tmp_path / "bad.pth")
    assert not (tmp_path / "touched").exists()
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="more than named tensors"):
        load_state(tmp_path / "list.pth")


def test_fetch_keeps_only_what_was_verified(tmp_path, monkeypatch, own_cache):
    origin = tmp_path / "net.pth"
    origin.write_bytes(b"published")
    good = WeightFile("net.pth", sha256(origin)[:8], origin.as_uri())
    monkeypatch.setitem(domain_free_files(), "fid15", good)
    assert "idvae experts fetch fid15" in status("fid15")
    assert fetch("fid15").read_bytes() == b"published"
    assert status("fid15") == "ready"
    assert fetch("fid15").is_file()
    changed = WeightFile("other.pth", "00000000", origin.as_uri())
    monkeypatch.setitem(domain_free_files(), "fid15", changed)
    with pytest.raises(UserError, match="is not the published"):
        fetch("fid15")
    assert not (own_cache / "experts" / "other.pth").exists()
    gone = WeightFile("gone.pth", "00000000", (tmp_path / "gone").as_uri())
    monkeypatch.setitem(domain_free_files(), "fid15", gone)
    with pytest.raises(UserError, match="cannot be fetched"):
        fetch("fid15")
    with pytest.raises(UserError, match="nothing to fetch"):
        fetch("lite0")


def domain_free_files():
    from idvae.evaluate.experts import inception

    return inception.FILES


def test_every_name_has_a_status():
    assert all(status(name) for name in names())
    assert weights.cache_folder()


class Labelled(ToySplit):
    """Two classes: dark and bright."""

    def __init__(self, n):
        rng = np.random.default_rng(0)
        self.classes = rng.integers(0, 2, n)
        rows = images(n)
        super().__init__((rows // 2 + 120 * self.classes[:, None, None, None]).astype(np.uint8))

    def labels(self, indices):
        return self.classes[indices]


def test_the_domain_expert_learns_the_classes_and_is_found_by_the_data(own_cache):
    path = domain.default_path("checksum")
    with pytest.raises(UserError, match="idvae experts train"):
        open_expert("domain", checksum="checksum")
    losses = []
    facts = domain.train(
        Labelled(300),
        path,
        checksum="checksum",
        classes=2,
        steps=30,
        batch=16,
        on_step=lambda step, loss: losses.append(loss),
    )
    assert facts["task"] == "classes"
    assert facts["accuracy"] > 0.9
    assert len(losses) == 30
    expert = open_expert("domain", checksum="checksum")
    assert expert.facts["weights"] == sha256(path)
    output = expert(images(5))
    assert (output.features.shape, output.logits.shape) == ((5, 256), (5, 2))


def test_without_classes_it_learns_rotations(tmp_path):
    facts = domain.train(ToySplit(images(120)), tmp_path / "a.safetensors", checksum="x", steps=2)
    domain.train(ToySplit(images(120)), tmp_path / "b.safetensors", checksum="x", steps=2)
    assert sha256(tmp_path / "a.safetensors") == sha256(tmp_path / "b.safetensors")
    assert (facts["task"], facts["classes"]) == ("rotations", 4)
    with pytest.raises(UserError, match="too few"):
        domain.train(ToySplit(images(20)), tmp_path / "a.safetensors", checksum="x")
    with pytest.raises(UserError, match="--weights domain=PATH"):
        open_expert("domain")
