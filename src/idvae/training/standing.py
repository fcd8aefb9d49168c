"""Standing statistics: what an averaged decoder normalises samples by.

Brock, Donahue and Simonyan, "Large Scale GAN Training for High Fidelity Natural Image Synthesis".
"""

import torch
from torch import nn

from idvae.methods.method import Method
from idvae.networks import BatchNorm, statistics_of
from idvae.networks.norm import CODES
from idvae.seeds import STANDING
from idvae.training.batches import generator_for
from idvae.training.inputs import Inputs

BATCHES = 100
SAMPLES = CODES[0]


def stand(decoder: nn.Module, method: Method, inputs: Inputs, step: int) -> None:
    """Normalise samples by the means of BATCHES batches' statistics, at the weights of now.

    Batches are as large as in training, with conditions of its images, and depend on seed and step
    alone. Of codes of the posterior nothing changes; nothing at all where training decodes other
    codes among those of the prior.

    Args:
        decoder: its running statistics of samples change.
        method: whose prior is drawn from.
        inputs: of its training.
        step: that was made last.
    """
    layers = [m for m in decoder.modules() if isinstance(m, BatchNorm) and SAMPLES in m.kinds]
    if not layers or method.edits_as == "prior":
        return
    example, n = next(decoder.parameters()), inputs.config.batch_size
    generator = generator_for(inputs.config.seed, STANDING, step)
    for layer in layers:
        layer.train()
    with torch.no_grad(), statistics_of(SAMPLES):
        for i in range(BATCHES):
            for layer in layers:
                layer.momentum = 1 / (i + 1)
            z = method.draw_prior(n, generator).to(example)
            y = inputs.any_conditions(n, generator)
            decoder(z, y if y is None else y.to(example))
    decoder.eval()
