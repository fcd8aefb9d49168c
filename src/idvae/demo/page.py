"""What the demo draws: a page of tabs in Gradio, each of which calls the actions on one model."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from idvae.data.conditions import LABELS
from idvae.demo import actions
from idvae.demo.gate import KEPT_FOR
from idvae.demo.strip import strip
from idvae.demo.uploads import MAX_BYTES, read_upload
from idvae.errors import UserError
from idvae.model import Model
from idvae.pictures import grids
from idvae.seeds import checked_seed

WAITING = 16  # requests that wait; one more is told that the queue is full
ONE = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private"}
CLEANING = (60, KEPT_FOR)  # every minute: what is older
FONTS = [gr.themes.Font(name) for name in ("ui-sans-serif", "system-ui", "sans-serif")]
MONO = [gr.themes.Font(name) for name in ("ui-monospace", "monospace")]
# Gradio's own greys of notes, and its white on blue, are too faint to read.
THEME = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO).set(
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_title_text_color="*neutral_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
)
CSS = """
.picture img { image-rendering: pixelated; object-fit: contain; width: 100%; height: 100%; }
.verdict { font-size: 1.05rem; }
.edited .picture img { max-height: 230px; }
button[role="tab"].selected { color: var(--primary-700); }
.dark button[role="tab"].selected { color: var(--primary-300); }
"""


def upload_box(label: str) -> gr.Image:
    """An image to upload, given to functions as the path of a file that nobody decoded yet."""
    box = gr.Image(
        label=label, format="png", image_mode=None, type="filepath", height=280,
        sources=["upload", "clipboard"], buttons=[], elem_classes="picture",
        placeholder=f"Drop an image here, or click: at most {MAX_BYTES / 1e6:.0f} MB",
    )  # fmt: skip
    # On the object, for of a subclass Gradio writes a file beside this one.
    box.preprocess = lambda payload: Path(payload.path) if payload and payload.path else None
    return box


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose UserError the page shows as a line."""

    @wraps(function)
    def telling(*values: Any) -> Any:
        try:
            return function(*values)
        except UserError as error:
            # Gradio shows messages as HTML, and this one may hold the name of a file.
            raise gr.Error(html.escape(str(error)), print_exception=False) from error

    return telling


def page(model: Model, name: str) -> gr.Blocks:
    """The whole page, not yet served.

    Args:
        model: of images.
        name: what it is called.
    """
    with gr.Blocks(
        title=f"{name}: idvae demo", analytics_enabled=False, delete_cache=CLEANING
    ) as blocks:
        gr.Markdown(f"# {html.escape(name)}\n{html.escape(facts(model))}")
        first: list[Starting] = []
        with gr.Tab("Generate"):
            first.append(generate_tab(model))
        if model.method.reconstructs:
            with gr.Tab("Reconstruct"):
                first.append(reconstruct_tab(model))
            if model.condition is not None:
                with gr.Tab("Edit"):
                    first.append(edit_tab(model))
        with gr.Tab("Interpolate"):
            first.append(interpolate_tab(model))
        if model.judges:
            with gr.Tab("Discriminator"):
                first.append(judge_tab(model))
        outputs = [part for starting in first for part in starting.outputs]
        blocks.load(
            told(lambda: [value for starting in first for value in starting.values()]),
            None,
            outputs,
            show_progress="hidden",
            **ONE,
        )
    blocks.queue(max_size=WAITING, default_concurrency_limit=1, api_open=False)
    return blocks


@dataclass(frozen=True)
class Starting:
    """What a tab shows when the page is opened."""

    outputs: Sequence[Any]
    values: Callable[[], Sequence[Any]]


def facts(model: Model) -> str:
    """What the model is, in a line."""
    parts = [
        model.method.title,
        f"{model.shape.size} px, {'grey' if model.shape.channels == 1 else 'colour'}",
        f"trained on {model.run.config['data']['name']}, {model.step:,} steps",
    ]
    if model.condition is not None:
        kind = "classes" if model.condition.kind == LABELS else "attributes"
        parts.append(f"told {model.condition.width} {kind}")
    return " · ".join(parts)


def generate_tab(model: Model) -> Starting:
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            seed = seed_box("Seed")
            truncation = gr.Slider(
                0, 1.5, 1, step=0.05, label="Truncation", visible=actions.truncates(model),
                info="1 as it was trained; less is more typical and less varied",
            )  # fmt: skip
            count = gr.Slider(1, actions.MOST, 16, step=1, label="How many")
            asked = asked_box(model)
            with gr.Row():
                button = gr.Button("Generate", variant="primary", min_width=100)
                another = gr.Button("Next seed", min_width=100)
        with gr.Column(scale=2, min_width=280):
            out = shown("Samples")
    inputs = [seed, truncation, count, asked]

    def make(seed: Any, truncation: float, count: float, asked: Any) -> np.ndarray:
        names = [asked] if isinstance(asked, str) else asked or []
        images = actions.generate(model, int(count), whole(seed), truncation, names)
        return tiled(images)

    button.click(told(make), inputs, out, **ONE)
    for moved in (truncation, count):
        when_moved(moved, make, inputs, out)
    if model.condition is not None:
        asked.input(told(make), inputs, out, **ONE)
    another.click(told(lambda s: whole(s) + 1), seed, seed, **ONE).success(
        told(make), inputs, out, **ONE
    )
    return Starting([out], lambda: [make(0, 1.0, 16, None)])


def reconstruct_tab(model: Model) -> Starting:
    def answer(image: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        return tiled([image, actions.reconstruct(model, image, y)], 2)

    def box() -> gr.Image:
        return shown("As the model sees it, and its reconstruction")

    return of_one_image(model, 1, "Reconstruct", box, answer)


def judge_tab(model: Model) -> Starting:
    def answer(image: np.ndarray, y: np.ndarray | None) -> str:
        return strip(actions.judge(model, image, y))

    def box() -> gr.HTML:
        return gr.HTML(label="What the discriminator answers")

    return of_one_image(model, 5, "Judge", box, answer)


def of_one_image(
    model: Model,
    seed: int,
    verb: str,
    box: Callable[[], Any],
    answer: Callable[[np.ndarray, np.ndarray | None], Any],
) -> Starting:
    """A tab that asks for an image and says something of it.

    Args:
        model: of images.
        seed: of the sample that is there first.
        verb: on the button.
        box: makes the component that shows the answer, in its column.
        answer: of an image and what it has, what that component shows.
    """
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            chosen = Chosen(model, "Your image", seed)
            button = gr.Button(verb, variant="primary")
        with gr.Column(scale=2, min_width=280):
            out = box()

    def make(path: Path | None, names: Any) -> Any:
        return answer(*chosen.read(path, names))

    chosen.leads_to(make, out)
    button.click(told(make), chosen.inputs, out, **ONE)

    def start() -> Sequence[Any]:
        image, y = chosen.start()
        return [*chosen.values(image, y), answer(image, y)]

    return Starting([*chosen.outputs, out], start)


def edit_tab(model: Model) -> Starting:
    names = model.condition.names
    most = 1.0 if model.condition.kind == LABELS else 1.5
    excluded = {name: model.condition.bound_to(name) for name in names}
    with gr.Column(elem_classes="edited"):
        out = shown("As the model sees it, its reconstruction, edited")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            chosen = Chosen(model, "Your image", 2)
        with gr.Column(scale=2, min_width=280):
            with gr.Row():
                sliders = [
                    gr.Slider(1 - most, most, 0, step=0.05, label=name, min_width=240)
                    for name in names
                ]
            reset = gr.Button("As it was")

    def make(path: Path | None, told_names: Any, *shares: float) -> np.ndarray:
        image, y = chosen.read(path, told_names)
        return picture(image, y, dict(zip(names, shares, strict=True)))

    def picture(image: np.ndarray, y: np.ndarray | None, wanted: dict[str, float]) -> np.ndarray:
        made = [image, actions.reconstruct(model, image, y), actions.edit(model, image, y, wanted)]
        return tiled(made, 3)

    def as_it_is(path: Path | None, told_names: Any) -> list[Any]:
        image, y = chosen.read(path, told_names)
        y = actions.guessed(model, image) if y is None else y
        wanted = actions.y_to_strengths(model, y)
        return [*wanted.values(), picture(image, y, wanted)]

    def moved(name: str) -> Callable[..., Any]:
        def move(path: Path | None, told_names: Any, *shares: float) -> Any:
            wanted = dict(zip(names, shares, strict=True))
            wanted = actions.without_excluded(model, wanted, name)
            others = [wanted[other] for other in excluded[name]]
            made = make(path, told_names, *wanted.values())
            return [*others, made] if others else made  # Gradio takes one output as it is

        return move

    chosen.leads_to(as_it_is, [*sliders, out])
    reset.click(told(as_it_is), chosen.inputs, [*sliders, out], **ONE)
    box_of = dict(zip(names, sliders, strict=True))
    for name, slider in box_of.items():
        others = [box_of[other] for other in excluded[name]]  # not itself: it is being moved
        when_moved(slider, moved(name), [*chosen.inputs, *sliders], [*others, out])

    def start() -> Sequence[Any]:
        image, y = chosen.start()
        wanted = actions.y_to_strengths(model, y)
        return [*chosen.values(image, y), *wanted.values(), picture(image, y, wanted)]

    return Starting([*chosen.outputs, *sliders, out], start)


def interpolate_tab(model: Model) -> Starting:
    steps = gr.Slider(2, actions.MOST_STEPS, 8, step=1, label="Steps", render=False)
    if not model.method.reconstructs:
        with gr.Row():
            seeds = [seed_box("From seed", 0), seed_box("To seed", 1)]
        steps.render()
        button = gr.Button("Interpolate", variant="primary")
        out = shown("The way")

        def between_seeds(a: Any, b: Any, steps: float) -> np.ndarray:
            return way(actions.between_samples(model, whole(a), whole(b), int(steps)))

        button.click(told(between_seeds), [*seeds, steps], out, **ONE)
        return Starting([out], lambda: [between_seeds(0, 1, 8)])

    with gr.Row():
        ends = []
        for label, seed in (("From", 3), ("To", 4)):
            with gr.Column(min_width=280):
                ends.append(Chosen(model, label, seed))
    steps.render()
    button = gr.Button("Interpolate", variant="primary")
    out = shown("The way")
    inputs = [*ends[0].inputs, *ends[1].inputs, steps]

    def make(*values: Any) -> np.ndarray:
        *told_ends, steps = values
        k = len(told_ends) // 2
        (a, y_a), (b, y_b) = ends[0].read(*told_ends[:k]), ends[1].read(*told_ends[k:])
        return way(actions.between_images(model, a, b, int(steps), y_a, y_b))

    button.click(told(make), inputs, out, **ONE)
    when_moved(steps, make, inputs, out)
    for end in ends:
        end.leads_to(None, None)

    def start() -> Sequence[Any]:
        (a, y_a), (b, y_b) = (end.start() for end in ends)
        made = way(actions.between_images(model, a, b, 8, y_a, y_b))
        return [*ends[0].values(a, y_a), *ends[1].values(b, y_b), made]

    return Starting([*ends[0].outputs, *ends[1].outputs, out], start)


class Chosen:
    """An image that was uploaded or drawn, and what it has, where the model must be told.

    Args:
        model: of images.
        label: what stands above the image.
        seed: of the sample that is there first.

    Attributes:
        inputs: components that `read` takes the values of.
        outputs: components that `values` gives values for.
    """

    def __init__(self, model: Model, label: str, seed: int) -> None:
        self.model = model
        self.picture = upload_box(label)
        with gr.Row(equal_height=True):
            self.first = seed
            self.seed = seed_box("Seed", seed)
            self.draw = gr.Button("Draw a sample", min_width=140)
        self.has = None
        if actions.needs_telling(model):
            info = "Guessed by the nearest reconstruction; correct it where it is wrong"
            names = list(model.condition.names)
            kind = gr.Radio if model.condition.kind == LABELS else gr.CheckboxGroup
            self.has = kind(names, label="The image has", info=info)
        else:
            self.has = gr.State()
        self.inputs = [self.picture, self.has]
        self.outputs = [self.picture, self.has]

    def read(self, path: Path | None, names: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """The image, and its condition where it has to be told.

        Raises:
            UserError: no image, or one that cannot be taken.
        """
        return self.image(path), self._told(names)

    def image(self, path: Path | None) -> np.ndarray:
        """The image alone.

        Raises:
            UserError: none, or one that cannot be taken.
        """
        if path is None:
            raise UserError("there is no image; drop one, or draw one from the model")
        if not path.is_file():
            raise UserError("this image is no longer kept; upload or draw it again")
        return read_upload(path, self.model.shape)

    def guess(self, path: Path | None) -> Any:
        """What an image seems to have, by name; None where that is not told or nothing can tell."""
        return self._names(actions.guessed(self.model, self.image(path)))

    def start(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The sample that is there first, and what it has."""
        return actions.drawn(self.model, self.first)

    def values(self, image: np.ndarray, y: np.ndarray | None) -> list[Any]:
        """An image that was made, and what it has, for `outputs`."""
        return [rgb(image), self._names(y)]

    def leads_to(self, make: Callable[..., Any] | None, out: Any) -> None:
        """When there is another image, find what it has, and make what follows from it."""

        def draw(seed: Any) -> list[Any]:
            return self.values(*actions.drawn(self.model, whole(seed)))

        steps = [
            self.picture.upload(told(self.guess), self.picture, self.has, **ONE),
            self.draw.click(told(draw), self.seed, self.outputs, **ONE),
        ]
        if make is not None:
            for step in steps:
                step.success(told(make), self.inputs, out, **ONE)
            if actions.needs_telling(self.model):
                self.has.input(told(make), self.inputs, out, **ONE)

    def _told(self, names: Any) -> np.ndarray | None:
        if not actions.needs_telling(self.model):
            return None
        return actions.named(self.model, [names] if isinstance(names, str) else names or [])

    def _names(self, y: np.ndarray | None) -> Any:
        if y is None or not actions.needs_telling(self.model):
            return None
        shares = actions.y_to_strengths(self.model, y)
        found = [name for name, share in shares.items() if share > 0.5]
        return found[0] if self.model.condition.kind == LABELS else found


def when_moved(slider: gr.Slider, make: Callable[..., Any], inputs: Any, outputs: Any) -> None:
    """Make again while a slider is moved; its button that sets it back tells of a release alone."""
    gr.on(
        [slider.input, slider.release], told(make), inputs, outputs,
        trigger_mode="always_last", show_progress="hidden", **ONE,
    )  # fmt: skip


def asked_box(model: Model) -> Any:
    """What generated images shall have, for a model with a condition."""
    if model.condition is None:
        return gr.State()
    several = model.condition.kind != LABELS
    return gr.Dropdown(
        list(model.condition.names), multiselect=several, value=[] if several else None,
        label="With", info="The rest as it occurs in the training data",
    )  # fmt: skip


def seed_box(label: str, value: int = 0) -> gr.Number:
    return gr.Number(value, label=label, precision=0, minimum=0, min_width=100)


def shown(label: str, **options: Any) -> gr.Image:
    """Where a picture appears; the label is above it, not over its corner."""
    gr.Markdown(label)
    return gr.Image(
        label=label, alt_text=label, show_label=False, format="png", interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes="picture", min_width=280, **options,
    )  # fmt: skip


def whole(seed: Any) -> int:
    """A seed from a box, which may be empty."""
    return checked_seed(seed, "the seed")


def way(images: np.ndarray) -> np.ndarray:
    return tiled(images, 4)  # few in a row: a phone is narrow


def tiled(images: Sequence[np.ndarray] | np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images in one picture, large enough to look at: uint8 (height, width, 3)."""
    return rgb(grids.enlarge(grids.grid(np.stack(images), columns, gap=1)))


def rgb(image: np.ndarray) -> np.ndarray:
    return image.repeat(3, 2) if image.shape[2] == 1 else image
