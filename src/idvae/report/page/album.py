"""Pictures as data within the page: small, each once, and together within a limit."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from PIL import Image

from idvae.report.page.html import Html, tag

LOSSLESS = 48 << 10  # bytes up to which a picture keeps every bit
FEW = 320  # pixels across, up to which a picture is enlarged without smoothing
RAW = 8 * LOSSLESS  # bytes of pixels beyond which that is not tried
# Quality of what does not, and by what it is made smaller, until all pictures of a kind fit.
WAYS = ((82, 1), (60, 1), (60, 2), (40, 4))


@dataclass
class Album:
    """The pictures of one page.

    Attributes:
        seen: sha256 of a picture → the id of the element that shows it.
        bytes: of all pictures.
    """

    seen: dict[str, str] = field(default_factory=dict)
    bytes: int = 0

    def show(self, picture: bytes, alt: str, class_: str = "", **attributes: object) -> Html:
        """An <img> of an encoded picture; where it was shown before, a link to that place."""
        digest = sha256(picture).hexdigest()
        if place := self.seen.get(digest):
            link = tag("a", f"The same picture as another: {alt}", href=f"#{place}")
            return tag("p", link, class_=class_ or None, **attributes)
        self.seen[digest] = name = f"picture-{len(self.seen) + 1}"
        self.bytes += len(picture)
        with Image.open(io.BytesIO(picture)) as opened:
            width, height = opened.size
        data = f"data:image/webp;base64,{b64encode(picture).decode('ascii')}"
        # Pixels of a small picture are to be seen; those of a large one would only be jagged.
        kind = f"{class_} {'pixels' if width <= FEW else 'smooth'}".strip()
        size = {"width": width, "height": height}
        return tag("img", src=data, alt=alt, id=name, class_=kind, **size, **attributes)


def encoded(images: Sequence[np.ndarray], most: int) -> list[bytes]:
    """Pictures as WebP, as good as `most` bytes of all of them allow.

    Args:
        images: uint8 (H, W, C) each.
        most: bytes; the poorest way is taken where no way needs so few.
    """
    plain = [reduced(image) for image in images]
    for way in WAYS:
        made: list[bytes] = []
        for image in plain:
            made.append(webp(image, *way))
            if sum(map(len, made)) > most and way != WAYS[-1]:
                break
        else:
            break
    return made


def webp(image: np.ndarray, quality: int = WAYS[0][0], smaller: int = 1) -> bytes:
    """One picture, uint8 (H, W, C), every bit kept where that is small enough."""
    grey = image.shape[2] == 1
    picture = Image.fromarray(np.ascontiguousarray(image[:, :, 0] if grey else image))
    if smaller > 1:
        picture = picture.reduce(smaller)
    if image.nbytes <= RAW:
        out = io.BytesIO()
        picture.save(out, "WEBP", lossless=True, method=4)
        if out.tell() <= LOSSLESS:
            return out.getvalue()
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def reduced(image: np.ndarray) -> np.ndarray:
    """An image without the repeated pixels that `grids.enlarge` put in: a browser repeats them."""
    height, width, _ = image.shape
    for factor in range(min(height, width, 64), 1, -1):
        if height % factor or width % factor:
            continue
        small = image[::factor, ::factor]
        if np.array_equal(small.repeat(factor, 0).repeat(factor, 1), image):
            return small
    return image
