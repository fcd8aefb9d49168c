"""The registry of methods. Listing names imports no method, and so no torch."""

from __future__ import annotations

import re
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
    """Add a method that lives elsewhere, such as register("mine", "my_package.mine:Mine").

    Args:
        name: the `name` of its class.
        place: module and class; the module is imported when the method is used.

    Raises:
        UserError: no such text, or the name of another method.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        raise UserError(f"{name!r} names no method; use letters, digits and dashes")
    if not isinstance(place, str) or not re.fullmatch(r"[\w.]+:\w+", place):
        raise UserError(f"{place!r} is no place of a method; it is MODULE:CLASS, as text")
    if _METHODS.get(name, place) != place:
        raise UserError(f"{name} is the method {_METHODS[name]}; register another by another name")
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
        UserError: an unknown name, or what was registered by it is no method of that name.
    """
    check(name)
    module, attribute = _METHODS[name].split(":")
    try:
        found = getattr(import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # of what the module itself imports
        raise UserError(f"{name} is registered as {_METHODS[name]}: {error}") from error
    if found is None:
        raise UserError(f"{name} is registered as {_METHODS[name]}: {module} has no {attribute}")
    own = getattr(found, "name", None)
    if own != name:  # runs would say the one, and their checkpoints the other
        raise UserError(
            f"{_METHODS[name]} is registered as {name}, and its own name is {own!r}: make the two "
            "the same"
        )
    return found
