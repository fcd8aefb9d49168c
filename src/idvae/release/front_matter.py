"""What machines read of a card: the YAML above it, by which the Hugging Face hub lists a model."""

import re
from typing import Any

from idvae.data.prepared import PreparedSet
from idvae.errors import UserError
from idvae.evaluate.scores import METRICS, Scores
from idvae.io import strict_yaml
from idvae.model import Model

TASK = "unconditional-image-generation"


def check_licence(licence: str | None) -> None:
    """Refuse what is no identifier of a licence.

    Raises:
        UserError: it has other letters than those of the hub.
    """
    if licence is not None and not re.fullmatch("[a-z0-9][a-z0-9.+-]{0,63}", licence):
        raise UserError(
            f"--licence {licence} is no identifier of the hub's; it is one such as mit, apache-2.0 "
            "or cc-by-4.0"
        )


def text(
    name: str, model: Model, prepared: PreparedSet, scores: Scores | None, licence: str | None
) -> str:
    """The block, with the lines that begin and end it.

    Args:
        name: of the model.
        model: as it was released.
        prepared: what it was trained on.
        scores: of it, where it was evaluated.
        licence: of the model, where it is known; that of its data is another matter.
    """
    values: dict[str, Any] = {"library_name": "idvae"}
    if licence is not None:
        values["license"] = licence
    values |= {"pipeline_tag": TASK, "tags": _tags(model)}
    real = None if scores is None else str(scores.about.get("reference") or prepared.name)
    if real == prepared.name or (real and real.startswith(f"{prepared.name}, ")):
        # Real images of another place are no data set that others know.
        result = {
            "task": {"type": TASK},
            "dataset": {"name": real, "type": prepared.name},
            "metrics": _metrics(scores),
        }
        values["model-index"] = [{"name": name, "results": [result]}]
    return f"---\n{strict_yaml.dump(values)}---"


def _tags(model: Model) -> list[str]:
    tags = ["idvae", model.method.name]
    if model.method.reconstructs:
        tags.append("autoencoder")
    if model.condition is not None:
        tags.append("conditional")
    return list(dict.fromkeys(tags))


def _metrics(scores: Scores) -> list[dict[str, Any]]:
    """Means over sample sets, one a metric and expert, with what makes them comparable."""
    return [
        {
            "type": metric,
            "name": f"{METRICS[metric][0]}, {expert}",
            "value": values[metric].mean,
            "args": {
                "expert": expert,
                "n": scores.facts["n"],
                "sample_sets": len(values[metric].values),
                "reference_n": scores.facts["reference"]["n"],
            },
        }
        for expert, values in scores.row.items()
        for metric in METRICS
        if metric in values
    ]
