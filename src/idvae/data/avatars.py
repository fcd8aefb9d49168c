"""Cartoon faces drawn by python-avatars and resvg, every drawing choice known.

Image i depends on (seed, i) alone: not on how many are drawn, nor on how many processes draw.
"""

import io
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process, resource_tracker
from typing import Any

import numpy as np
from PIL import Image

from idvae.data.source import BY_INDEX, Batch, Plan, Request, by_index, in_batches, missing
from idvae.errors import UserError
from idvae.io.progress import progress

name = "avatars"
summary = "cartoon faces drawn on demand, any number and size, with 13 of CelebA's attributes"
licence = "free for personal and commercial use: Pablo Stanley's Avataaars, by python-avatars (MIT)"
kind = "images"
default_size = 32
default_n = 10_000
needs_nothing = True

CHUNK = 100  # faces that a worker draws at a time


def _even(*names: str, share: float = 1.0) -> dict[str, float]:
    return dict.fromkeys(names, share / len(names))


HATS = ("HAT", "TURBAN", "WINTER_HAT_1", "WINTER_HAT_2", "WINTER_HAT_3", "WINTER_HAT_4")

# Drawings that python-avatars puts no facial hair on, whatever it is told.
NO_ROOM_FOR_BEARDS = ("LOOSE_HAIR",)

# What is drawn, and how often. Left out: drawings whose hair has a colour of its own, and those
# that hide the face.
CHOICES: dict[str, dict[str, float]] = {
    "top": {
        "NONE": 0.10,
        **_even(*HATS, share=0.14),
        **_even(
            "BIG_HAIR", "BOB", "BUN", "CAESAR", "CURLY", "CURVY", "DREADS", "FRIZZLE", "FRO",
            "LONG_NOT_TOO_LONG", "MIA_WALLACE", "SHAGGY", "SHORT_CURLY", "SHORT_FLAT",
            "SHORT_ROUND", "SHORT_WAVED", "SIDES", "STRAIGHT_1", "STRAIGHT_STRAND",
            "BUZZCUT", "LOOSE_HAIR", "MOHAWK", "MOWGLI", "PIXIE", "QUIFF", "WILD",
            share=0.76,
        ),
    },
    "hair_color": {
        "BLACK": 0.20, "BLONDE": 0.10, "BLONDE_GOLDEN": 0.10, "PLATINUM": 0.04, "AUBURN": 0.08,
        "BROWN": 0.12, "BROWN_DARK": 0.10, "SILVER_GRAY": 0.14, "RED": 0.08, "PASTEL_PINK": 0.04,
    },
    "facial_hair": {
        "NONE": 0.66, **_even("BEARD_LIGHT", "BEARD_MEDIUM", "BEARD_MAGESTIC", share=0.18),
        **_even("MOUSTACHE_FANCY", "MOUSTACHE_MAGNUM", share=0.16),
    },
    "accessory": {
        "NONE": 0.60,
        **_even("PRESCRIPTION_1", "PRESCRIPTION_2", "ROUND", "KURT", "SUNGLASSES", share=0.40),
    },
    "mouth": _even("DEFAULT", "SMILE", "BIG_SMILE", "TWINKLE", "SERIOUS", "SAD", "SCREAM_OPEN"),
    "eyebrows": {
        **_even("DEFAULT_NATURAL", "RAISED_EXCITED_NATURAL", "SAD_CONCERNED_NATURAL",
                "ANGRY_NATURAL", share=0.70),
        **_even("FLAT_NATURAL", "UNIBROW_NATURAL", share=0.30),
    },
    "eyes": _even("DEFAULT", "HAPPY", "SIDE", "SQUINT", "SURPRISED", "CLOSED"),
    "nose": _even("DEFAULT", "SMALL", "WIDE"),
    "skin_color": {
        "PALE": 0.22, "LIGHT": 0.26, "TANNED": 0.08, "BROWN": 0.18, "DARK_BROWN": 0.14,
        "BLACK": 0.12,
    },
    "clothing": _even(
        "BLAZER_SHIRT", "BLAZER_SWEATER", "COLLAR_SWEATER", "HOODIE", "OVERALL",
        "SHIRT_CREW_NECK", "SHIRT_SCOOP_NECK", "SHIRT_V_NECK",
    ),
    "clothing_color": _even(
        "BLACK", "BLUE_01", "BLUE_03", "GRAY_01", "PASTEL_BLUE", "PASTEL_GREEN",
        "PASTEL_ORANGE", "PASTEL_YELLOW", "PINK", "RED", "WHITE",
    ),
    "hat_color": _even("BLACK", "BLUE_01", "BLUE_03", "GRAY_01", "PASTEL_GREEN", "PINK", "RED"),
    "background": _even("#DCE6F0", "#F3E3D3", "#E2F0DC", "#F0DCE6"),
}  # fmt: skip

Choice = dict[str, str]


def _hair(choice: Choice, *colours: str) -> bool:
    """Hair is seen and has one of these colours."""
    return choice["top"] not in ("NONE", *HATS) and choice["hair_color"] in colours


# CelebA's names, each by a rule on the drawing's own choices.
RULES: dict[str, Any] = {
    "Bald": lambda c: c["top"] == "NONE",
    "Black_Hair": lambda c: _hair(c, "BLACK"),
    "Blond_Hair": lambda c: _hair(c, "BLONDE", "BLONDE_GOLDEN", "PLATINUM"),
    "Brown_Hair": lambda c: _hair(c, "AUBURN", "BROWN", "BROWN_DARK"),
    "Gray_Hair": lambda c: _hair(c, "SILVER_GRAY"),
    # The drawings have no bushy brows; the two with the heaviest strokes stand in.
    "Bushy_Eyebrows": lambda c: c["eyebrows"] in ("FLAT_NATURAL", "UNIBROW_NATURAL"),
    "Eyeglasses": lambda c: c["accessory"] != "NONE",
    "Mouth_Slightly_Open": lambda c: c["mouth"] in ("DEFAULT", "SMILE", "BIG_SMILE", "SCREAM_OPEN"),
    "Mustache": lambda c: c["facial_hair"].startswith("MOUSTACHE"),
    "No_Beard": lambda c: not c["facial_hair"].startswith("BEARD"),
    "Pale_Skin": lambda c: c["skin_color"] == "PALE",
    "Smiling": lambda c: c["mouth"] in ("SMILE", "BIG_SMILE", "TWINKLE"),
    "Wearing_Hat": lambda c: c["top"] in HATS,
}

# What excludes each other; the drawings have a beard or a mustache.
GROUPS: list[list[str] | dict[str, int]] = [
    ["Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Wearing_Hat"],
    {"Mustache": 1, "No_Beard": 0},
]

ONE_HOT = [f"{feature}={value}" for feature, values in CHOICES.items() for value in values]


@dataclass
class Drawn:
    """Some faces: uint8 (B, size, size, 3), and attributes, int8 (B, A)."""

    images: np.ndarray
    attributes: np.ndarray


def plan(request: Request) -> Plan:
    """n faces; the first ones are the same whatever n is."""
    try:
        import python_avatars
        import resvg_py
    except ImportError as error:
        raise missing("python-avatars or resvg-py", error) from error
    del python_avatars, resvg_py  # the workers import them
    n = default_n if request.n is None else request.n
    facts = {
        "channels": 3,
        "crop": "the drawing's full width, its lowest 6% cut off, on a plain background",
        "split_rule": BY_INDEX,
        "attributes": [*RULES, *ONE_HOT],
        "main_attributes": list(RULES),
        "groups": GROUPS,
    }
    return Plan(facts, _batches(n, request.size, request.seed))


def _batches(n: int, size: int, seed: int) -> Iterator[Batch]:
    parts = [(s, part) for s, rows in by_index(n).items() for part in in_batches(rows, CHUNK)]
    draw_part = partial(draw, size=size, seed=seed)
    workers = min(os.cpu_count() or 1, len(parts))
    with progress(n, "drawing avatars") as advance:
        if n < 5 * CHUNK:  # starting processes would take longer
            results = map(draw_part, (part for _, part in parts))
            yield from _collect(parts, results, advance)
            return
        # Not forked: a caller may have threads, which a fork would leave half-alive.
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_end_with_the_caller
        ) as pool:
            try:
                with _unheard_by_children():
                    results = pool.map(draw_part, [part for _, part in parts])
                yield from _collect(parts, results, advance)
            except BrokenProcessPool as error:
                raise UserError(
                    "the processes that draw avatars ended early; a script must prepare them "
                    "under if __name__ == '__main__', for each process imports the script"
                ) from error
            finally:  # whoever stops early does not wait for the rest
                pool.shutdown(cancel_futures=True)


@contextmanager
def _unheard_by_children() -> Iterator[None]:
    """Processes that begin within hear no Ctrl-C, not even while they import.

    One that comes meanwhile is heard here as soon as this ends.
    """
    resource_tracker.ensure_running()  # when it begins, it lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_the_caller() -> None:
    """A worker leaves Ctrl-C to the process that began it, and does not outlive that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    caller = parent_process()

    def wait() -> None:
        if caller is not None:
            caller.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _collect(parts: Any, results: Any, advance: Any) -> Iterator[Batch]:
    for (split, _), drawn in zip(parts, results, strict=True):
        yield Batch(split, drawn.images, attributes=drawn.attributes)
        advance(len(drawn.images))


def draw(indices: np.ndarray, size: int, seed: int) -> Drawn:
    """Draw the faces of some indices."""
    choices = [choose(int(index), seed) for index in indices]
    images = np.stack([_render(choice, size) for choice in choices])
    return Drawn(images, np.stack([attributes_of(choice) for choice in choices]))


def choose(index: int, seed: int) -> Choice:
    """What face number `index` of a seed looks like: feature → value."""
    rng = np.random.default_rng([seed, index])
    choice = {}
    for feature, values in CHOICES.items():
        shares = np.fromiter(values.values(), float)
        choice[feature] = list(values)[rng.choice(len(shares), p=shares / shares.sum())]
    if choice["top"] in NO_ROOM_FOR_BEARDS:
        choice["facial_hair"] = "NONE"
    return choice


def attributes_of(choice: Choice) -> np.ndarray:
    """CelebA's names by rule, then every choice one-hot; int8 (A,)."""
    named = [rule(choice) for rule in RULES.values()]
    one_hot = [choice[feature] == value for feature, values in CHOICES.items() for value in values]
    return np.array([*named, *one_hot], np.int8)


def _render(choice: Choice, size: int) -> np.ndarray:
    import python_avatars as pa
    import resvg_py

    tops = pa.HatType if choice["top"] in HATS else pa.HairType
    avatar = pa.Avatar(
        style=pa.AvatarStyle.TRANSPARENT,
        background_color="#FFFFFF",
        top=tops[choice["top"]],
        hat_color=pa.ClothingColor[choice["hat_color"]],
        eyebrows=pa.EyebrowType[choice["eyebrows"]],
        eyes=pa.EyeType[choice["eyes"]],
        nose=pa.NoseType[choice["nose"]],
        mouth=pa.MouthType[choice["mouth"]],
        facial_hair=pa.FacialHairType[choice["facial_hair"]],
        skin_color=pa.SkinColor[choice["skin_color"]],
        hair_color=pa.HairColor[choice["hair_color"]],
        facial_hair_color=pa.HairColor[choice["hair_color"]],
        accessory=pa.AccessoryType[choice["accessory"]],
        clothing=pa.ClothingType[choice["clothing"]],
        clothing_color=pa.ClothingColor[choice["clothing_color"]],
    )
    png = resvg_py.svg_to_bytes(
        svg_string=avatar.render(),
        width=size,
        background=choice["background"],
        skip_system_fonts=True,
    )
    image = np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))
    return image[:size]  # the drawing is a little taller than wide
