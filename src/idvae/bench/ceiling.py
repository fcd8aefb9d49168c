"""How much work a step of IDVAE needs, and what its layers take that multiply."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from idvae.bench.machine_rate import Layer, forward_macs, multiply_adds, passes, seconds
from idvae.bench.plain import PlainIDVAE, plain_layers
from idvae.methods import get
from idvae.networks import DataShape, NetworkConfig, Networks
from idvae.training.distributed import autocast, weights_dtype


@dataclass(frozen=True)
class Work:
    """Multiply-adds for one image, in millions.

    Attributes:
        trunk: F_E, one forward pass of the trunk.
        decoder: F_D, one forward pass of the decoder.
        repeating: the same of a decoder that repeats pixels and then convolves them.
        step: what a step of the library does, as torch counts it.
        plain: what a step of the plain version does.
    """

    trunk: float
    decoder: float
    repeating: float
    step: float
    plain: float

    @property
    def needed(self) -> float:
        """17 F_E + 8 F_D: lines 4 to 11 with x', x̃ and Dis_l(x) of line 4 used again.

        Forward: Enc(x) at line 4, which line 9 shares, x' and x̃ at line 9, Enc(x) at lines 10 and
        11, x' and x̃ at line 11: 7 F_E. Backward, with a pass to the weights and one to the input:
        3 x 2 at line 9, 2 at line 10, and 2 x 1 to the input alone at line 11: 10 F_E. Decoder:
        x', x̃ at line 5 and at line 10: 3 F_D; backward 1 to its input at line 10, 2 x 2 at line 11.
        """
        return 17 * self.trunk + 8 * self.decoder

    @property
    def needed_repeating(self) -> float:
        """The same before the decoder's operation took a part of the work away."""
        return 17 * self.trunk + 8 * self.repeating


def count(shape: DataShape, networks: NetworkConfig, batch: int = 64) -> Work:
    """The work of a step on images of that shape, counted on tensors without numbers."""
    nets, cls = Networks(shape, networks), get("idvae")
    method = cls(nets, cls.Config()).train().to("meta")
    plain = PlainIDVAE(nets, cls.Config(), 1e-4, (0.5, 0.999)).train().to("meta")
    x = torch.empty(shape.batch(batch), device="meta")
    eps, z = (torch.empty(batch, nets.z_dim, device="meta") for _ in range(2))

    def update(group: str, loss: Tensor, retain: bool = False) -> None:
        loss.backward(inputs=method.group_parameters(group), retain_graph=retain)

    def plain_step() -> None:
        for loss_of in (plain.loss_dis, plain.loss_enc, plain.loss_dec):
            loss_of(x, eps, z).backward()

    repeating = copy.deepcopy(method.dec)
    plain_layers(repeating)
    with torch.no_grad():
        forward = [
            multiply_adds(lambda net=net, data=data: net(data))
            for net, data in ((method.shared, x), (method.dec, z), (repeating, z))
        ]
    step = multiply_adds(lambda: method.step(x, None, update, eps=eps, z=z))
    return Work(*(total / batch for total in (*forward, step, multiply_adds(plain_step))))


class Convolutions:
    """The layers of trunk and decoder that multiply, on their own: what the kernels reach.

    Args:
        shape: of the images.
        networks: preset and sizes.
        batch: images in a batch.
        device: where they run, channels last.
        precision: as of a training.
    """

    def __init__(
        self,
        shape: DataShape,
        networks: NetworkConfig,
        batch: int,
        device: torch.device,
        precision: str = "32",
    ) -> None:
        nets = Networks(shape, networks)
        self.device, self.precision = device, precision
        dtype = weights_dtype(precision)
        x = torch.zeros(shape.batch(batch), device=device, dtype=dtype)
        z = torch.zeros(batch, nets.z_dim, device=device, dtype=dtype)
        self.trunk, self.decoder = (
            _layers(net.to(device, dtype, memory_format=torch.channels_last), data)
            for net, data in ((nets.trunk(), x), (nets.decoder(), z))
        )

    def step_seconds(self) -> float:
        """A step's time at the rate of these layers alone: 17/3 of the trunk's forward, backward
        to the input and to the weights, and 8/3 of the decoder's."""
        with autocast(self.device, self.precision):
            trunk, decoder = (
                seconds(lambda layers=layers: passes(layers), self.device, 0.3)
                for layers in (self.trunk, self.decoder)
            )
        return 17 / 3 * trunk + 8 / 3 * decoder

    def largest(self, n: int = 2) -> list[Layer]:
        """The n convolutions of trunk and of decoder that multiply most."""
        found = []
        for layers in (self.trunk, self.decoder):
            images = [layer for layer in layers if layer[1].dim() == 4]
            found += sorted(images, key=lambda one: -forward_macs(one[0], one[1]))[:n]
        return found


def _layers(network: nn.Module, data: Tensor) -> list[Layer]:
    """Each layer that multiplies, its input and a gradient of its output."""
    found: list[Layer] = []

    def note(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        x = torch.randn_like(inputs[0]).requires_grad_()
        found.append((layer, x, torch.randn_like(output)))

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        network(data)
    for hook in hooks:
        hook.remove()
    return found
