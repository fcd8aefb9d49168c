"""IcGAN's updates against plain arithmetic, in float64; what it knows and what nobody tells it."""

import pytest
import torch

from idvae import data
from idvae.errors import UserError
from idvae.model import load
from idvae.networks import DataShape
from idvae.training import start
from methods.oracle import SHAPES, assert_equal, gradients
from methods.recorder import run_step
from methods.test_rfgan import FEW


@pytest.mark.parametrize(("shape", "preset"), SHAPES)
def test_gradients_equal_the_oracle(shape, preset):
    step = run_step("icgan", shape, preset)
    assert [s.group for s in step.seen] == ["enc_z", "enc_y"][: 1 + (shape.condition > 0)]
    for seen in step.seen:
        net, z = seen.before, step.noise["z"]
        if seen.group == "enc_z":
            fake = net.dec(z, step.y).detach()  # G in eval mode: it is frozen
            off = z - net.z_code(net.z_trunk(fake))
        else:
            off = step.y - net.y_code(net.y_trunk(step.x))
        loss = (off**2).sum() / off.numel()
        assert_equal(seen, gradients(net, loss, net.groups[seen.group]))


def test_neither_encoder_is_told_the_condition():
    step = run_step("icgan", DataShape(16, 1, condition=3))
    method = step.method.eval()
    assert method.z_trunk.condition == method.y_trunk.condition == 0
    assert torch.equal(method.encode(step.x, step.y), method.encode(step.x, -step.y))
    assert method.attributes(step.x).shape == step.y.shape


def test_without_a_condition_it_inverts_a_gan():
    method = run_step("icgan", DataShape(0, 2)).method
    assert list(method.groups) == ["enc_z"]
    assert not method.tells_conditions


def test_two_commands_make_a_run_that_inverts_the_first(data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    told = {**FEW, "condition": "labels"}
    with pytest.raises(UserError, match=r"train gan .* --mismatch-share 0\.5: name it"):
        start.train("icgan", digits, tmp_path / "none", **told)
    first = start.train("gan", digits, tmp_path / "gan", mismatch_share=0.5, ema=0.9, **told)
    options = {**told, "steps": 300, "lr": 3e-3, "log_every": 100, "ema": 0.9}
    run = start.train("icgan", digits, tmp_path / "run", pretrained=str(first.path), **options)
    theirs = load(first.path).method.dec.state_dict()  # the averages, as it samples with
    for key, value in load(run.path).method.dec.state_dict().items():
        assert torch.equal(value, theirs[key]), key
    rows = run.metrics()
    assert rows[-1]["loss_enc_y"] < 0.7 * rows[0]["loss_enc_y"]
    model = load(run.path)
    split = start.open_data(digits).split("test")
    some = range(len(split))
    found = model.attributes(split.gather(some)).argmax(1)
    assert (found == split.labels(some)).mean() > 0.7  # by chance it were 0.1


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("vae", "never showed its decoder codes of the prior, which IcGAN draws"),
        ("bigan", "draws codes of the uniform prior, and IcGAN of the normal one"),
    ],
)
def test_a_decoder_that_does_not_know_its_codes_is_refused(first, words, data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    other = start.train(first, digits, tmp_path / first, **FEW)
    with pytest.raises(UserError, match=words):
        start.train("icgan", digits, tmp_path / "run", pretrained=str(other.path), **FEW)


def test_the_first_run_is_neither_replaced_nor_given_up(data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    first = start.train("gan", digits, tmp_path / "first", **FEW)
    told = {**FEW, "pretrained": str(first.path)}
    with pytest.raises(UserError, match="first"):
        start.train("icgan", digits, first.path, overwrite=True, **told)
    assert load(first.path).method.name == "gan"
    run = start.train("icgan", digits, tmp_path / "run", **told)
    (run.path / "frozen.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match=r"is damaged .*put back the file"):
        start.resume(run.path, {"steps": 99})


@pytest.mark.parametrize("first", ["vae", "dae", "avb"])
def test_nor_is_one_taken_whose_networks_keep_no_statistics(first, data_root, tmp_path):
    few = {k: v for k, v in FEW.items() if k != "grid_every"} | {"grid_every": 0}
    other = start.train(first, "gaussians-ring", tmp_path / first, **few)
    with pytest.raises(UserError, match="never showed its decoder codes of the prior"):
        start.train("icgan", "gaussians-ring", tmp_path / "run", pretrained=str(other.path), **few)


def test_what_the_first_run_was_told_must_mean_the_same(tmp_path, monkeypatch):
    """As many attributes are not the same ones, and their order is that of y."""
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "data"))
    faces = data.prepare("avatars", size=16, n=40)
    path, options = str(faces.path), {**FEW, "width": 2}

    def trained(method, condition, **more):
        out = tmp_path / f"{method}-{condition}-{len(more)}"
        return start.train(method, path, out, condition=condition, **options, **more)

    first = trained("gan", "Bald,Smiling")
    given = {"pretrained": str(first.path)}
    for other, told in (
        ("Smiling,Bald", "told Bald, Smiling, and this run is to be told Smiling, Bald"),
        ("Bald,Eyeglasses", "told Bald, Smiling, and this run is to be told Bald, Eyeglasses"),
        (None, "told Bald, Smiling, and this run is to be told no condition"),
    ):
        with pytest.raises(UserError, match=f"{told}; give the same --condition"):
            trained("icgan", other, **given)
    assert trained("icgan", "Bald,Smiling", **given).path.is_dir()
    with pytest.raises(UserError, match=r"told Bald, and .* told Smiling; give the same"):
        trained("rfgan", "Smiling", pretrained=str(trained("dae", "Bald").path))


def test_a_first_run_of_other_networks_is_told_as_that(data_root, tmp_path):
    digits = str(data.resolve("digits").path)
    first = start.train("gan", digits, tmp_path / "first", **FEW)
    wide = FEW | {"width": 6, "pretrained": str(first.path)}
    with pytest.raises(UserError, match=r"has a 'dec' of another shape .* --preset, --width"):
        start.train("icgan", digits, tmp_path / "run", **wide)
