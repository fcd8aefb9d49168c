"""What the models of rows make for a reader: Table 2, ways, neighbours, Figure 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idvae.cli.condition import each
from idvae.cli.interpolate import ways_between, with_ends
from idvae.data.prepared import PreparedSet
from idvae.errors import MISSHAPEN, UserError
from idvae.evaluate.nearest import nearest
from idvae.evaluate.reconstruct import fixed_indices
from idvae.io.progress import progress
from idvae.model import Model
from idvae.pictures.mosaic import BLOCK
from idvae.report import conditions
from idvae.report.page.subject import Conditional, Nearest, Shown, Ways
from idvae.report.rows import Row
from idvae.training import judgement
from idvae.training.distributed import torch_device
from idvae.training.start import data_of

WAYS, STEPS = 4, 8  # ways that are shown, and images on each
SEARCHED = 256  # samples and test images whose nearest training images are searched
SAMPLES, NEIGHBOURS = 8, 3  # that are shown
GENERATED, EDITED = 8, 8  # of each condition
OTHER_DATA = "it was trained on other data"
MOST_NAMES = 40  # conditions that are shown


def first_model(row: Row, device: str) -> Model:
    """The first of a row's runs that can be opened.

    Raises:
        UserError: none can; what is wrong with the last.
    """
    for run in row.runs:
        try:
            return Model(run, device=device)
        except UserError:
            if run is row.runs[-1]:
                raise
    raise UserError(f"{row.name} has no run")


def originals(data: PreparedSet, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of the test images that reconstructions are judged by, and their numbers."""
    test = data.split("test")
    chosen = fixed_indices(len(test), n)
    return test.gather(chosen), chosen


def reconstructed(
    model: Model, data: PreparedSet, images: np.ndarray, chosen: np.ndarray
) -> np.ndarray | None:
    """Reconstructions of test images, uint8 (n, H, W, C); None of a model without an encoder."""
    if not model.method.reconstructs:
        return None
    return model.reconstruct(images, _conditions(model, data, chosen))


def shown(rows: Sequence[Row], device: str = "cpu") -> Shown:
    """Open the models of rows, one a row, and let each make what a page shows.

    Args:
        rows: of runs on images; what of them is not at hand is told, not shown.
        device: where they compute.

    Raises:
        UserError: no such device.
    """
    torch_device(device)
    made, data, samples = Shown(), None, {}
    try:
        data = with_test_images(data_of(rows[0].runs[0])) if rows else None
    except UserError as error:
        missing = "originals, reconstructions, ways between images, or neighbours"
        made.told.append(f"No {missing}: {error}.")
    with progress(len(rows), "pictures") as advance:
        for row in rows:
            try:
                model = first_model(row, device)
                mine = data if is_of(row, data) else None
                if data is not None and mine is None:
                    made.told.append(f"No reconstructions of {row.name}: {OTHER_DATA}.")
                made.generations[row.name] = (drawn := model.sample(SEARCHED))[:BLOCK]
                if mine is not None:
                    samples[row.name] = drawn
                _of_one(made, row.name, model, mine)
            except UserError as error:
                made.told.append(f"Not all pictures of {row.name}: {error}.")
            advance(1)
    if data is not None and samples:
        _neighbours(made, samples, data)
    return made


def with_test_images(data: PreparedSet) -> PreparedSet:
    """The same set.

    Raises:
        UserError: it has none, as one of a few images may.
    """
    if not len(data.split("test")):
        raise UserError(f"{data.name} has no test images; prepare more images")
    return data


def is_of(row: Row, data: PreparedSet | None) -> bool:
    """Whether a row was trained on that set."""
    return data is not None and row.runs[0].config["data"].get("checksum") == data.checksum


def _of_one(made: Shown, name: str, model: Model, data: PreparedSet | None) -> None:
    if data is not None:
        _of_data(made, name, model, data)
    elif not model.method.reconstructs:
        made.ways[name] = _random_ways(model)
    if model.condition is not None:
        made.conditional[name] = _conditional(model, data)


def _of_data(made: Shown, name: str, model: Model, data: PreparedSet) -> None:
    """Reconstructions, and ways between test images; between random codes without an encoder."""
    made.originals, chosen = originals(data, BLOCK)
    made.of_set.add(name)
    found = reconstructed(model, data, made.originals, chosen)
    if found is None:
        made.ways[name] = _random_ways(model)
        return
    made.reconstructions[name] = found
    images, chosen = originals(data, 2 * WAYS)
    y = _conditions(model, data, chosen)
    if len(images) >= 2:
        ways = ways_between(model, images, y, STEPS)
        made.ways[name] = Ways(with_ends(images, ways), real=True)


def _random_ways(model: Model) -> Ways:
    codes = model.draw_codes(2 * WAYS)
    y = model.draw_conditions(0, WAYS, 0)
    ways = model.interpolate(codes[0::2], codes[1::2], STEPS, y, y, posterior=False)
    return Ways(ways, real=False)


def _neighbours(made: Shown, samples: dict[str, np.ndarray], data: PreparedSet) -> None:
    """One walk over the training images for the samples of all models and for test images."""
    train = data.split("train")
    if len(train) < NEIGHBOURS:
        return
    real, _ = originals(data, SEARCHED)
    images = np.concatenate([real, *samples.values()])
    with progress(len(train), "neighbours") as advance:
        numbers, distances = nearest(images, train, NEIGHBOURS, advance)
    made.test_distances, made.training_images = distances[: len(real), 0], len(train)
    first = len(real)
    for name, drawn in samples.items():
        near = train.gather(numbers[first : first + SAMPLES].ravel())
        near = near.reshape(-1, NEIGHBOURS, *near.shape[1:])
        last = first + len(drawn)
        made.nearest[name] = Nearest(drawn[:SAMPLES], near, distances[first:last, 0])
        first = last


def _conditional(model: Model, data: PreparedSet | None) -> Conditional:
    """Samples and edits under each condition, and the judgement that lies in the run."""
    y, names = each(model, GENERATED, 0)
    names = names[:MOST_NAMES]
    y = y[: GENERATED * len(names)]
    codes = np.tile(model.draw_codes(GENERATED), (len(names), 1))
    generated = model.decode(codes, y=y)
    edited = None
    if model.method.reconstructs and data is not None:
        images, chosen = originals(data, EDITED)
        own = _conditions(model, data, chosen)
        parts = [images, model.reconstruct(images, own)]
        parts += [model.edit(images, own, model.condition.turned(own, name)) for name in names]
        edited = np.stack(parts, 1)
    shape = generated.shape[1:]
    return Conditional(
        tuple(names), generated.reshape(len(names), GENERATED, *shape), edited, _judgement(model)
    )


def _judgement(model: Model) -> str | None:
    values = judgement.read(model.run.path)
    if values is None:
        return None
    try:
        return conditions.markdown(values, values["facts"].get("expert_name") or "the expert")
    except MISSHAPEN as error:
        raise judgement.misshapen(model.run.path / judgement.NAME, error) from error


def _conditions(model: Model, data: PreparedSet, chosen: np.ndarray) -> np.ndarray | None:
    """y of test images: as the model tells it, or as the set has it; None without a condition."""
    if model.condition is None:
        return None
    test = data.split("test")
    if model.tells_conditions:
        return model.attributes(test.gather(chosen))
    return model.condition.rows(data, test, chosen)
