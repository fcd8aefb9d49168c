"""The table of a judged run: does it make and edit what it is asked for?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from idvae.report.table import markdown_line


def markdown(values: Mapping[str, Any], expert: str) -> str:
    """One row a class or attribute, shares in percent.

    Args:
        values: what conditions.json holds.
        expert: whose features tell whether the rest of an image stayed.
    """
    columns = ["classifier", "rough", "generated", "edited", "kept", "identity"]
    rows = values["rows"]
    columns = [c for c in columns if any(row.get(c) is not None for row in rows.values())]
    what = "class" if values["kind"] == "labels" else "attribute"
    heads = {
        "classifier": "classifier, real test images",
        "rough": "the same, blurred and noisy",
        "kept": "others kept",
    }
    lines = [f"| {what} | " + " | ".join(heads.get(c, c) for c in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for name, row in rows.items():
        cells = [_cell(row.get(c), 1.0 if c == "identity" else 100.0) for c in columns]
        lines.append(markdown_line([name, *cells]))
    means = [
        np.mean([np.ravel(row[c])[0] for row in rows.values() if row.get(c) is not None])
        for c in columns
    ]
    cells = [
        _cell(float(m), 1.0 if c == "identity" else 100.0)
        for m, c in zip(means, columns, strict=True)
    ]
    lines.append("| mean | " + " | ".join(cells) + " |")
    text = "\n".join(lines) + f"\n\nShares in %.{_numbers(values)}"
    if scale := values["identity_scale"]:
        told = ", ".join(f"{name} {value:.3f}" for name, value in scale.items())
        text += (
            f" identity: distance of {expert}'s features from the reconstruction; beside it, "
            f"distances of {told}."
        )
    return text + "\n"


def _numbers(values: Mapping[str, Any]) -> str:
    """Of how many images the shares are, and what their deviations are over."""
    facts = values.get("facts")
    if not facts:
        return ""
    told = (
        f" generated: {facts['n']} images a row and sample set; ± over {facts['repeats']} sets, "
        f"step {facts['step']:,}."
    )
    rows = values["rows"].values()
    edits = [row.get("edits", facts["edited"]) for row in rows if "edited" in row]
    if not edits:
        return told
    least, most = min(edits), max(edits)
    many = f"{most}" if least == most else f"{least} to {most}"
    return f"{told} edited: {many} test images a row; ± over five parts of them."


def _cell(value: Any, unit: float) -> str:
    if value is None:
        return ""
    mean, sd = value if isinstance(value, list) else (value, None)
    digits = 1 if unit > 1 else 3
    return f"{mean * unit:.{digits}f}" + (f" ± {sd * unit:.{digits}f}" if sd is not None else "")
