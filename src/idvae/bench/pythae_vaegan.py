"""The rival of VAE-GAN: pythae's model and trainer around our networks, same batch, same Adam."""

import contextlib
import io
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from idvae.bench.contestants import Contestant, settings_of
from idvae.data.pixels import to_float
from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.networks import Networks, resolved, statistics_of
from idvae.training.build import data_shape
from idvae.training.distributed import check_device

NEVER = 1e9  # a margin that no loss leaves: every step moves all three networks, as ours does


def pythae(prepared: PreparedSet, folder: Path, steps: int, options: dict[str, Any]) -> Contestant:
    """pythae's VAEGAN, trained by its own trainer for one epoch of `steps` batches a round.

    Its set is held in memory as floats, as pythae wants it. The clock runs from the end of the
    first batch's work to the end of the last one's, so neither its start nor its checkpoint counts.

    Raises:
        UserError: pythae is not installed.
    """
    _check()
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAEGAN, VAEGANConfig
    from pythae.trainers import (
        CoupledOptimizerAdversarialTrainer,
        CoupledOptimizerAdversarialTrainerConfig,
    )

    chosen = settings_of("vae-gan", steps, options)
    train, shape = chosen.train, data_shape(prepared)
    torch.manual_seed(train.seed)
    encoder, decoder, discriminator = parts(Networks(shape, chosen.networks))
    config = VAEGANConfig(
        input_dim=shape.batch(1)[1:],
        latent_dim=resolved(chosen.networks, shape).z_dim,
        reconstruction_layer=1,
        margin=NEVER,
    )
    split, n = prepared.split("train"), train.batch_size * (steps + 1)
    rows = torch.arange(n).remainder(len(split)).numpy()
    images = to_float(torch.from_numpy(split.gather(rows))).contiguous()
    adam = {"betas": train.betas}
    with _quiet():
        model = VAEGAN(config, encoder, decoder, discriminator)
        how = CoupledOptimizerAdversarialTrainerConfig(
            output_dir=str(folder / "pythae"),
            num_epochs=1,
            per_device_train_batch_size=train.batch_size,
            no_cuda=check_device(train.device)[0] != "cuda",
            **{
                f"{part}_learning_rate": train.lr
                for part in ("encoder", "decoder", "discriminator")
            },
            **{
                f"{part}_optimizer_params": adam for part in ("encoder", "decoder", "discriminator")
            },
        )

    def run() -> float:
        clock = _clock()
        with _quiet():
            CoupledOptimizerAdversarialTrainer(
                model, BaseDataset(images, torch.zeros(n)), None, how, [clock]
            ).train()
        return train.batch_size * (len(clock.times) - 1) / (clock.times[-1] - clock.times[0])

    return run


def _check() -> None:
    try:
        import pythae.models  # noqa: F401
    except ImportError as error:
        raise UserError(
            "this rival needs a package: pip install 'idvae[bench]', or leave it out with "
            "--rivals plain"
        ) from error


def _clock() -> Any:
    """A callback of pythae's that notes when each batch was done."""
    from pythae.trainers.training_callbacks import TrainingCallback

    class Clock(TrainingCallback):
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_train_step_end(self, training_config: Any, **rest: Any) -> None:
            if torch.cuda.is_available() and not training_config.no_cuda:
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())

    return Clock()


def parts(nets: Networks) -> tuple[Any, Any, Any]:
    """Our networks behind pythae's three interfaces."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.head = nets.trunk(), nets.gaussian_head()

        def forward(self, x: Tensor) -> Any:
            with statistics_of("real"):
                mu, logvar = self.head(self.trunk(x))
            return ModelOutput(embedding=mu, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = nets.decoder()

        def forward(self, z: Tensor) -> Any:
            with statistics_of("prior"):
                return ModelOutput(reconstruction=self.decoder(z))

    class Discriminator(BaseDiscriminator):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.head, self.depth = nets.trunk(), nets.logit_head(), 2

        def forward(self, x: Tensor, output_layer_levels: list[int] | None = None) -> Any:
            with statistics_of("real"):
                h = self.trunk(x)
            if output_layer_levels == [1]:
                return ModelOutput(embedding_layer_1=h)
            return ModelOutput(embedding=self.head(h).sigmoid())

    return Encoder(), Decoder(), Discriminator()


@contextlib.contextmanager
def _quiet() -> Any:
    """Without pythae's progress bars and messages."""
    logging.disable(logging.INFO)
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stderr(nowhere),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
