import sys
import warnings

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

from evaluate import onnx_files
from evaluate.toys import Pooled, ToySplit, images, toy
from idvae.errors import UserError
from idvae.evaluate.experts import (
    domain,
    fetch,
    lite,
    names,
    onnx_file,
    open_expert,
    parse,
    resnet,
    status,
    weights,
)
from idvae.evaluate.experts.own import CallableExpert
from idvae.evaluate.experts.weights import WeightFile, load_state, sha256


class Small(torch.nn.Module):
    """A convolution, its means over space as features, five logits; pixels scaled inside."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.head = torch.nn.Linear(8, 5)

    def forward(self, x):
        features = torch.relu(self.convolution(x / 127.5 - 1)).mean((2, 3))
        return features, self.head(features)


@pytest.mark.filterwarnings("ignore")  # of the exporter, about torch itself
def test_an_onnx_export_gives_the_features_of_its_network(tmp_path):
    pytest.importorskip("onnxscript")
    network, path = Small().eval(), tmp_path / "net.onnx"
    vary = torch.export.Dim.DYNAMIC
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 16, 16),),
        path,
        dynamo=True,
        dynamic_shapes=({0: vary, 2: vary, 3: vary},),
        external_data=False,
        verbose=False,
    )
    expert = open_expert(f"mine={path}@24")
    pixels = images(40, 0)
    with torch.no_grad():
        features, logits = network(expert.prepare(torch.from_numpy(pixels)))
    found = expert(pixels)
    np.testing.assert_allclose(found.features, features.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.logits, logits.numpy(), rtol=1e-5, atol=1e-5)


def test_an_onnx_file_is_an_expert_of_its_own_hash_and_the_same_every_time(tmp_path):
    path = onnx_files.write(tmp_path / "net.onnx")
    expert = open_expert(f"mine={path}@16")
    assert (expert.name, expert.width) == ("mine@16", 27)
    assert expert.facts["weights"] == sha256(path)
    assert expert.facts["runtime"].startswith("onnxruntime ")
    pixels = images(40, 0)
    blocks = pixels[:, :15, :15].reshape(40, 3, 5, 3, 5, 3).mean((2, 4))  # rows, columns, channels
    found = expert(pixels)
    np.testing.assert_allclose(
        found.features, blocks.transpose(0, 3, 1, 2).reshape(40, 27), rtol=1e-5
    )
    np.testing.assert_array_equal(found.logits, found.features[:, :10])
    again = open_expert(f"mine={path}@16")(pixels)
    np.testing.assert_array_equal(again.features, found.features)
    native = open_expert(f"mine={path}")
    assert native(images(3, size=32)).features.shape == (3, 6 * 6 * 3)
    with pytest.raises(UserError, match=r"27 features for images \(16, 16\), and 108 for others"):
        native(images(3))


def test_an_onnx_session_computes_by_one_thread_and_deterministically():
    import onnxruntime

    options = onnx_file._options(onnxruntime)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.use_deterministic_compute


FEATURES = [("features", TensorProto.FLOAT)]
ECHO = helper.make_node("Identity", ["x"], ["features"])
SECOND = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (onnx_files.with_outside_weights("weights.bin"), "in other files, which are not read"),
        (onnx_files.with_outside_weights("/etc/passwd"), "in other files, which are not read"),
        (onnx_files.with_outside_weights_in_a_branch("w.bin"), "in other files"),
        (onnx_files.with_foreign_operator(), "operator 'Shell' of 'acme'; only standard"),
        (onnx_files.model(more_inputs=[SECOND]), r"takes 2 inputs \(x, y\)"),
        (onnx_files.model(shape=("n", 1, "h", "w")), r"\(n, 1, h, w\); an expert takes"),
        (onnx_files.model([ECHO], shape=("n", "h", "w"), outputs=FEATURES),
         r"\(n, h, w\); an expert takes"),
        (onnx_files.model([ECHO], kind=TensorProto.DOUBLE,
                          outputs=[("features", TensorProto.DOUBLE)]), r"takes tensor\(double\)"),
        (onnx_files.model(shape=(1, 3, "h", "w")), "a first dimension that varies"),
        (onnx_files.model(shape=("n", 3, 32, 32)), r"say NAME=.*net\.onnx@32"),
        (onnx_files.model(shape=("n", 3, 16, 32)), "experts see squares"),
        (onnx_files.model([helper.make_node("Cast", ["x"], ["features"], to=TensorProto.INT64)],
                          outputs=[("features", TensorProto.INT64)]),
         r"answers tensor\(int64\); features are"),
        (onnx_files.model([helper.make_node("ReduceMean", ["x"], ["features"])],
                          outputs=FEATURES), r"answers \(1, 1, 1, 1\) for 32 images"),
        (onnx_files.model([helper.make_node("Split", ["x"], ["a", "b", "c"], axis=1,
                                            num_outputs=3)],
                          outputs=[(n, TensorProto.FLOAT) for n in "abc"]), "answers 3 arrays"),
        (onnx_files.model([helper.make_node("AveragePool", ["x"], ["features"],
                                            kernel_shape=[40, 40])], outputs=FEATURES),
         r"mine cannot take images \(32, 3, 16, 16\).*NAME=PATH@SIZE"),
    ],
)  # fmt: skip
def test_onnx_files_that_are_no_experts_are_told_in_one_line(tmp_path, made, words):
    path = onnx_files.write(tmp_path / "net.onnx", made)
    with pytest.raises(UserError, match=words):
        open_expert(f"mine={path}@16")


def test_files_that_are_not_onnx_are_told(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    for content in (b"", b"nothing", b"ORTM" * 9):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not an ONNX file that onnxruntime can run"):
            open_expert(f"mine={path}")
    with pytest.raises(UserError, match=r"gone\.onnx cannot be read"):
        open_expert(f"mine={tmp_path / 'gone.onnx'}")
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 8)
    with pytest.raises(UserError, match="36 bytes; an ONNX expert has at most 8"):
        open_expert(f"mine={path}")
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 99)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'idvae\[onnx\]'"):
        open_expert(f"mine={path}")


@pytest.fixture
def script(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch now prefers other formats
        torch.jit.trace(Pooled(), torch.zeros(2, 3, 16, 16)).save(tmp_path / "net.pt")
    return tmp_path / "net.pt"


def test_a_torchscript_file_that_is_trusted_is_an_expert(script):
    expert = open_expert(f"mine={script}@16", trust=True)
    assert (expert.name, expert.width) == ("mine@16", 27)
    assert expert.facts["weights"] == sha256(script)
    pixels = images(40, 0)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    features, logits = Pooled()(x)
    found = expert(pixels)
    np.testing.assert_allclose(found.features, features.numpy())
    np.testing.assert_allclose(found.logits, logits.numpy())


class Writes(torch.nn.Module):
    """Writes a file when it is opened, by an operator of TorchScript itself."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    @torch.jit.export
    def __getstate__(self):
        return (self.place, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.place = state[0]
        self.training = state[1]
        torch.save(torch.zeros(1), self.place)

    def forward(self, x):
        return x.mean((2, 3))


def test_torchscript_that_would_write_a_file_is_not_opened_unless_it_is_trusted(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch now prefers other formats
        torch.jit.script(Writes(str(victim))).save(path)
    with pytest.raises(UserError, match=r"export it to ONNX .* or pass --trust"):
        open_expert(f"mine={path}@16")
    assert not victim.exists()
    open_expert(f"mine={path}@16", trust=True)
    assert victim.exists()  # the danger is real


def test_a_callable_is_an_expert_that_is_told_apart_by_what_it_answers():
    assert toy().facts == toy().facts
    assert toy().facts != toy(function=lambda x: toy()(x).features * 1.01).facts
    assert CallableExpert("a", lambda x: x, 3, identity="v2").facts["weights"] == "v2"
    wrong = CallableExpert("a", lambda x: np.zeros((1, 3)), 3, identity="x")
    with pytest.raises(UserError, match="answers"):
        wrong(images(9))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: None, "answers None for 9 images"),
        (lambda n: (np.zeros((n, 3)),) * 3, "answers 3 things"),
        (lambda n: "text", "no array of real numbers"),
        (lambda n: np.zeros((n, 3), complex), "no array of real numbers"),
        (lambda n: torch.zeros(n, 3, dtype=torch.complex64), "no array of real numbers"),
        (lambda n: [[1.0], [1.0, 2.0]], "no array of real numbers"),
        (lambda n: (np.zeros((n, 3)), np.zeros(n)), "logits"),
        (lambda n: (np.zeros((n, 3)), np.zeros((1, 2))), "logits"),
    ],
)
def test_what_is_no_features_is_told(answer, words):
    expert = CallableExpert("a", lambda x: answer(len(x)), 3, identity="x")
    with pytest.raises(UserError, match=words):
        expert(images(9))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_tensors_of_any_kind_that_record_gradients_are_features(kind):
    def answer(x):
        return torch.ones(len(x), 3, dtype=kind, requires_grad=True)

    found = CallableExpert("a", answer, np.int64(3))(images(9)).features
    np.testing.assert_array_equal(found, np.ones((9, 3), np.float32))
    for arguments in (("a", answer, 0), ("a", answer, "3"), ("a", None, 3)):
        with pytest.raises(UserError, match="the width of its features"):
            CallableExpert(*arguments)


def test_files_that_are_no_networks_are_told(tmp_path):
    (tmp_path / "net.pt").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a TorchScript file"):
        open_expert(f"mine={tmp_path / 'net.pt'}", trust=True)
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


def test_a_hash_that_is_known_in_part_is_told_and_noted_in_full(tmp_path, capsys):
    path = tmp_path / "net.pth"
    path.write_bytes(b"published")
    whole = sha256(path)
    assert weights.verify(path, WeightFile("net.pth", whole)) == whole
    assert capsys.readouterr().err == ""
    assert weights.verify(path, WeightFile("net.pth", whole[:8])) == whole
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "only the first 8 digits (32 bits)" in told
    assert whole in told
    almost = whole[:8] + "0" * 56
    with pytest.raises(UserError, match="is not the published"):
        weights.verify(path, WeightFile("net.pth", almost))


def test_published_files_are_pinned_by_all_digits_but_one():
    files = {**domain_free_files(), **lite.FILES, "frd": resnet.FILE}
    short = {name for name, file in files.items() if len(file.sha256) != 64}
    assert short == {"fid16"}
    for file in files.values():  # the digits in the name are the first of the hash
        assert file.sha256.startswith(file.file.removesuffix(".pth").split("-")[-1])


def domain_free_files():
    from idvae.evaluate.experts import inception

    return inception.FILES


def test_every_name_has_a_status():
    assert all(status(name) for name in names())


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


def test_a_domain_expert_is_read_as_safetensors_alone_whatever_it_is_called(tmp_path):
    domain.train(ToySplit(images(120)), tmp_path / "a.safetensors", checksum="x", steps=1)
    (tmp_path / "a.safetensors").rename(tmp_path / "a.pth")
    opened = open_expert("domain", weights={"domain": str(tmp_path / "a.pth")})
    assert opened.facts["weights"] == sha256(tmp_path / "a.pth")
    torch.save(domain.Domain(4).state_dict(), tmp_path / "b.pth")
    torch.save({"head.bias": Touch(tmp_path / "touched")}, tmp_path / "c.pth")
    (tmp_path / "d.safetensors").write_bytes(b"short")
    for name in ("b.pth", "c.pth", "d.safetensors"):
        with pytest.raises(UserError, match=r"no safetensors file.*idvae experts train DATA"):
            open_expert("domain", weights={"domain": str(tmp_path / name)})
    assert not (tmp_path / "touched").exists()
    save_file({"head.bias": torch.tensor(1.0)}, tmp_path / "e.safetensors")
    with pytest.raises(UserError, match="not an expert that idvae experts train wrote"):
        open_expert("domain", weights={"domain": str(tmp_path / "e.safetensors")})


def test_without_classes_it_learns_rotations(tmp_path):
    facts = domain.train(ToySplit(images(120)), tmp_path / "a.safetensors", checksum="x", steps=2)
    domain.train(ToySplit(images(120)), tmp_path / "b.safetensors", checksum="x", steps=2)
    assert sha256(tmp_path / "a.safetensors") == sha256(tmp_path / "b.safetensors")
    assert (facts["task"], facts["classes"]) == ("rotations", 4)
    with pytest.raises(UserError, match="too few"):
        domain.train(ToySplit(images(20)), tmp_path / "a.safetensors", checksum="x")
    with pytest.raises(UserError, match="--weights domain=PATH"):
        open_expert("domain")
