"""A discriminator's answers as one strip of dots: SVG that takes the page's colours."""

from collections.abc import Sequence

from idvae.demo.actions import Verdict

WIDTH, HEIGHT, SIDE = 640, 96, 24


def strip(verdict: Verdict) -> str:
    """The logits of an image, its reconstruction and samples, on one axis, and in words."""
    marks = [("your image", verdict.image)]
    if verdict.reconstruction is not None:
        marks.append(("its reconstruction", verdict.reconstruction))
    low, high = _range([*verdict.samples, *(value for _, value in marks)])

    def x(value: float) -> float:
        return SIDE + (value - low) / (high - low) * (WIDTH - 2 * SIDE)

    middle = HEIGHT / 2
    dots = "".join(
        f'<circle cx="{x(v):.1f}" cy="{middle}" r="5" fill="currentColor" fill-opacity=".25"/>'
        for v in verdict.samples
    )
    lines = "".join(_mark(x(value), name, above=i == 0) for i, (name, value) in enumerate(marks))
    ends = "".join(
        f'<text x="{x(v):.1f}" y="{middle + 22}" text-anchor="middle" font-size="12" '
        f'fill="currentColor" fill-opacity=".8">{v:+.1f}</text>'
        for v in (low, high)
    )
    told = words(verdict)
    return (
        f'<p class="verdict">{told}</p>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}" width="100%">'
        f'<line x1="{SIDE}" x2="{WIDTH - SIDE}" y1="{middle}" y2="{middle}" '
        f'stroke="currentColor" stroke-opacity=".4"/>{dots}{ends}{lines}</svg>'
    )


def words(verdict: Verdict) -> str:
    """The same in a sentence or two."""
    n = len(verdict.samples)
    told = (
        f"Logit {verdict.image:+.2f}: more real than {verdict.beaten} of {n} samples of the model "
        f"(dots; their mean {verdict.samples.mean():+.2f})."
    )
    if verdict.reconstruction is not None:
        told += f" Its reconstruction: {verdict.reconstruction:+.2f}."
    return told


def _mark(x: float, name: str, above: bool) -> str:
    middle = HEIGHT / 2
    end = middle - 26 if above else middle + 26
    anchor = "start" if x < WIDTH / 3 else "end" if x > WIDTH * 2 / 3 else "middle"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{middle}" y2="{end}" '
        'stroke="currentColor" stroke-width="2.5"/>'
        f'<text x="{x:.1f}" y="{end - 5 if above else end + 15}" text-anchor="{anchor}" '
        f'font-size="14" fill="currentColor">{name}</text>'
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = float(min(values)), float(max(values))
    return (low, high) if high > low else (low - 1.0, high + 1.0)
