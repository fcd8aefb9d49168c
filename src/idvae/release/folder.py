"""From a run to a released model: a small folder that others load, without what training needs."""

from dataclasses import fields, replace
from typing import Any

from safetensors.torch import save_file

from idvae.errors import UserError
from idvae.io.destination import Destination
from idvae.io.files import atomic_file
from idvae.model import Model
from idvae.pictures import grids
from idvae.release import card
from idvae.training import released, run_config, start
from idvae.training.run import WEIGHTS, Run
from idvae.training.settings import Settings

SAMPLES = 64


def release(
    run: Run,
    name: str,
    out: Destination,
    step: int | None,
    call: str,
    licence: str | None = None,
) -> Run:
    """Write the folder whole or not at all.

    Args:
        run: with its data set, scores and judgement; these go into the card.
        name: of the model.
        out: where, of the kind of hub/contents.py.
        step: which checkpoint; by default the newest.
        call: how the card says that it is loaded.
        licence: of the model, by its identifier on the hub, such as "mit"; None is not known.

    Returns:
        the released model.

    Raises:
        UserError: a run on points, a released model, or scores of another step.
    """
    if run.is_released:
        raise UserError(f"{run.path} is a released model already; copy the folder")
    model = Model(run, step)
    if model.is_points:
        raise UserError(f"{run.path} was trained on points; what is released makes images")
    findings = card.findings(run, model.step)
    data = start.data_of(run)
    released.reduce(model.method, released.networks_in_use(model.method))
    with out.folder() as folder:
        save_file(released.narrowed(model.method), folder / WEIGHTS)
        made = Run(folder, _config(run, model, released.sha256_of(folder / WEIGHTS), data.meta))
        made.write_config()
        if model.condition is not None:
            made.write_conditions(run.conditions())
        again = Model(Run.open(folder))  # what others will have
        samples = grids.enlarge(grids.grid(again.sample(SAMPLES)))
        grids.save_png(folder / card.PICTURE, samples)
        with atomic_file(folder / card.FILE) as temporary:
            text = card.text(name, run, again, data, findings, call, licence)
            temporary.write_text(text, encoding="utf-8")
    return Run.open(out.path)


def _config(run: Run, model: Model, sha256: str, meta: dict[str, Any]) -> dict[str, Any]:
    """What loading needs, and how the data are had; no place of the machine that trained it."""
    config = run.config
    kept = {key: config["data"].get(key) for key in ("name", "source", "kind", "shape", "checksum")}
    asked = meta.get("asked") or {}
    kept["asked"] = {"n": asked.get("n"), "seed": asked.get("seed", 0), "crop": asked.get("crop")}
    made = {
        "format": run_config.FORMAT,
        "method": config["method"],
        "released": {"step": model.step, "sha256": sha256},
        "data": kept,
        "options": {**_options(model.settings), "batch_size": run.batch(model.step)},
    }
    return made | ({"condition": config["condition"]} if model.condition is not None else {})


def _options(settings: Settings) -> dict[str, Any]:
    """Those of the method and its networks, and those that every run has."""
    method = settings.method_config
    if hasattr(method, "pretrained"):  # the run that lent networks, which are in the weights now
        method = replace(method, pretrained=None)
    parts = (*fields(method), *fields(settings.networks))
    names = [part.name.rstrip("_") for part in parts] + ["steps", "batch_size", "seed"]
    values = replace(settings, method_config=method).options()
    return {name: values[name] for name in names}
