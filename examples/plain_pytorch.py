"""IDVAE inside a loop of your own: its networks and losses, your data and optimizers.

A method gives its losses to `update`, in the order of its algorithm; what that does is yours.

python examples/plain_pytorch.py --steps 500
"""

import argparse
from collections.abc import Mapping

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from idvae import methods
from idvae.networks import DataShape, NetworkConfig, Networks


class Update:
    """One Adam a group; a loss moves the parameters of its own group and no others."""

    def __init__(self, method: torch.nn.Module, lr: float) -> None:
        self.parameters = {group: method.group_parameters(group) for group in method.groups}
        self.optimizers = {
            group: torch.optim.Adam(parameters, lr, betas=(0.5, 0.999))
            for group, parameters in self.parameters.items()
        }
        self.losses: dict[str, float] = {}

    def __call__(self, group: str, loss: Tensor, retain: bool = False) -> None:
        self.together({group: loss}, retain)

    def together(self, losses: Mapping[str, Tensor], retain: bool = False) -> None:
        """All gradients, then all steps."""
        found = {}
        for number, (group, loss) in enumerate(losses.items(), start=1):
            keep = retain or number < len(losses)
            found[group] = torch.autograd.grad(
                loss, self.parameters[group], retain_graph=keep, allow_unused=True
            )
            self.losses[group] = loss.item()
        for group, gradients in found.items():
            for parameter, gradient in zip(self.parameters[group], gradients, strict=True):
                parameter.grad = gradient
            self.optimizers[group].step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()

    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    digits = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1  # (N, 1, 8, 8)
    digits = torch.nn.functional.interpolate(digits, size=16, mode="bilinear").clamp(-1, 1)

    chosen = methods.get("idvae")
    shape = DataShape(size=16, channels=1)
    networks = Networks(shape, NetworkConfig(preset="small", width=16, z_dim=16))
    method = chosen(networks, chosen.Config())
    update = Update(method, lr=3e-4)

    for step in range(1, options.steps + 1):
        rows = torch.randint(len(digits), (options.batch,), generator=generator)
        noise = method.draw_noise(options.batch, generator)  # all randomness of the step
        method.step(digits[rows], None, update, **noise)
        if step % 50 == 0 or step == options.steps:
            print(step, *(f"{group} {loss:.4g}" for group, loss in update.losses.items()))

    method.eval()
    with torch.no_grad():
        codes = method.encode(digits[:8])
        error = (method.decode(codes, posterior=True) - digits[:8]).square().mean()
        samples = method.decode(method.draw_prior(8, generator))
    print(f"samples {tuple(samples.shape)}, squared error of a pixel {error:.3f}")
