"""What commands share that ask a run for a condition."""

from typing import Any

import numpy as np

from idvae.errors import UserError


def wanted(model: Any, text: str | None, n: int, seed: int) -> np.ndarray | None:
    """y of n samples as `--condition` asks: float32 (n, Y), or None where the model draws them.

    What is not asked for is drawn as it occurs in the training data.

    Raises:
        UserError: a run without a condition, or names that are not in it.
    """
    if text is None:
        return None
    condition = needs(model)
    return condition.changed(model.draw_conditions(0, n, seed), condition.parse(text))


def each(model: Any, rows: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """y of `rows` samples of every class, or with every attribute set; and the names, one a row.

    Raises:
        UserError: a run without a condition.
    """
    condition = needs(model)
    drawn = model.draw_conditions(0, rows, seed)
    parts = [condition.changed(drawn, {name: True}) for name in condition.names]
    return np.concatenate(parts), list(condition.names)


def needs(model: Any) -> Any:
    """The condition of a run.

    Raises:
        UserError: it has none.
    """
    if model.condition is None:
        raise UserError(
            f"{model.run.path} was trained without a condition; train with --condition labels, "
            "or attributes"
        )
    return model.condition
