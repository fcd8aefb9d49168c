"""Samples of an averaged decoder are normalised by statistics of its own weights."""

import pytest
import torch

from idvae import data
from idvae.networks import BatchNorm
from idvae.networks.norm import EPS
from idvae.training import checkpoints, start

OPTIONS = {
    "steps": 30, "width": 4, "z_dim": 3, "batch_size": 8, "device": "cpu", "log_every": 30,
    "grid_every": 0, "threads": 1, "seed": 5, "lr": 0.02, "lr_of": {}, "lr_final": 1.0,
    "ema": 0.9, "condition": "labels", "preset": "deep",
}  # fmt: skip


@pytest.fixture(scope="module")
def digits(data_root):
    return str(data.resolve("digits").path)


def trained(digits, out, **options):
    """A trainer after its last step, and the checkpoint that it wrote."""
    settings = start.settings.from_mapping("idvae", OPTIONS | options)
    trainer = start.start(settings, start.open_data(digits), out, overwrite=False)
    assert trainer.fit()
    return trainer, checkpoints.load(out / "checkpoints", "idvae")


def norms(decoder):
    return {name: m for name, m in decoder.named_modules() if isinstance(m, BatchNorm)}


def seen(decoder, classes, batches=600):
    """Means and variances of what each layer is given, over batches of samples, by hand."""
    found, generator = {}, torch.Generator().manual_seed(77)

    def note(name):
        def hook(module, args):
            flat = args[0].transpose(0, 1).flatten(1)
            found.setdefault(name, []).append((flat.mean(1), flat.var(1)))

        return hook

    hooks = [m.register_forward_pre_hook(note(name)) for name, m in norms(decoder).items()]
    kept = {k: v.clone() for k, v in decoder.state_dict().items()}
    decoder.train()
    with torch.no_grad():
        for _ in range(batches):
            y = torch.eye(10)[classes[torch.randint(len(classes), (8,), generator=generator)]]
            decoder(torch.randn(8, 3, generator=generator), y)
    decoder.eval()
    decoder.load_state_dict(kept)
    for hook in hooks:
        hook.remove()
    return {
        name: [torch.stack(of).mean(0) for of in zip(*each, strict=True)]
        for name, each in found.items()
    }


def apart(layer, mean, var):
    """How far running statistics of samples lie from others, in deviations, and of variances."""
    deviation = (var + EPS).sqrt()
    return (
        ((layer.running_mean[0] - mean) / deviation).abs().mean(),
        ((layer.running_var[0] + EPS) / (var + EPS)).log().abs().mean(),
    )


def test_they_are_of_the_averaged_weights_and_not_of_their_live_twins(digits, tmp_path):
    trainer, saved = trained(digits, tmp_path / "run")
    decoder, live = trainer.averages.networks["dec"], trainer.method.dec
    decoder.load_state_dict(saved.average)
    split = trainer.data.split("train")
    classes = torch.from_numpy(split.labels(range(len(split)))).long()
    expected = seen(decoder, classes)
    assert set(expected) == set(norms(decoder))
    far = []
    for name, (mean, var) in expected.items():
        of_means, of_variances = apart(norms(decoder)[name], mean, var)
        assert of_means < 0.05
        assert of_variances < 0.1
        far.append(apart(norms(live)[name], mean, var))
    assert max(of_means for of_means, _ in far) > 0.2
    assert max(of_variances for _, of_variances in far) > 0.2


def test_those_of_reconstructions_are_those_of_the_training(digits, tmp_path):
    trainer, saved = trained(digits, tmp_path / "run")
    for name, layer in norms(trainer.method.dec).items():
        for kind in ("running_mean", "running_var"):
            kept = saved.average[f"{name}.{kind}"]
            assert torch.equal(kept[1], getattr(layer, kind)[1])
            assert not torch.equal(kept[0], getattr(layer, kind)[0])


def test_where_training_decodes_edits_among_samples_they_are_of_both(digits, tmp_path):
    trainer, saved = trained(digits, tmp_path / "run", edits=0.5)
    for name, layer in norms(trainer.method.dec).items():
        assert torch.equal(saved.average[f"{name}.running_mean"], layer.running_mean)


def test_the_training_itself_goes_on_as_without_them(digits, tmp_path):
    """Statistics stand at each save; what is trained must not know of them."""
    _, often = trained(digits, tmp_path / "often", save_every=7, grid_every=5)
    _, once = trained(digits, tmp_path / "once")
    for part in ("model", "average", "optimizers"):
        for name, value in getattr(once, part).items():
            assert torch.equal(getattr(often, part)[name], value)
