"""The registry of methods. Listing names imports no method, and so no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from idvae.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from idvae.methods.method import Method

_METHODS = {
    "idvae": "idvae.methods.idvae:IDVAE",
    "idvae-r": "idvae.methods.idvae:IDVAER",
    "idvae-plus": "idvae.methods.idvae:IDVAEPlus",
    "vae": "idvae.methods.vae:VAE",
    "gan": "idvae.methods.gan:GAN",
    "vae-gan": "idvae.methods.vae_gan:VAEGAN",
    "age": "idvae.methods.age:AGE",
    "alpha-gan": "idvae.methods.alpha_gan:AlphaGAN",
    "soft-intro-vae": "idvae.methods.soft_intro_vae:SoftIntroVAE",
    "ali": "idvae.methods.ali:ALI",
    "bigan": "idvae.methods.bigan:BiGAN",
    "alice": "idvae.methods.alice:ALICE",
    "avb": "idvae.methods.avb:AVB",
    "as-vae": "idvae.methods.as_vae:ASVAE",
    "dae": "idvae.methods.dae:DAE",
    "rfgan": "idvae.methods.rfgan:RFGAN",
    "icgan": "idvae.methods.icgan:IcGAN",
    "intro-vae": "idvae.methods.intro_vae:IntroVAE",
    "mr-gan": "idvae.methods.mr_gan:MRGAN",
    "mdgan": "idvae.methods.mdgan:MDGAN",
    "r3gan": "idvae.methods.r3gan:R3GAN",
}


def register(name: str, place: str) -> None:
    """Add a method that lives elsewhere, such as register("mine", "my_package.mine:Mine")."""
    _METHODS[name] = place


def names() -> list[str]:
    """The registered names, in the order of the documentation."""
    return list(_METHODS)


def check(name: str) -> None:
    """Raise UserError, with the nearest names, unless `name` is registered."""
    if name not in _METHODS:
        hint = did_you_mean(name, _METHODS)
        raise UserError(f"unknown method {name!r}; {hint} the methods are {', '.join(_METHODS)}")


def get(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        UserError: an unknown name.
    """
    check(name)
    module, attribute = _METHODS[name].split(":")
    return getattr(import_module(module), attribute)
