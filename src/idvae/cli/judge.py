"""`idvae judge`: does a conditional run make what it is asked for?"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from idvae.cli.condition import needs
from idvae.cli.parser import Parser, add_count, add_run, open_model
from idvae.errors import UserError
from idvae.io.destination import Destination
from idvae.training.run import Run

ASKED = ("n", "repeats", "classifier_steps", "expert")


def parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        "judge",
        "Let an attribute classifier of real images say whether generated and edited images have "
        "what was asked for. It is trained now where that was not done before; its own accuracy "
        "on the test split stands in the table.",
    )
    add_run(parser)
    add_count(parser, "images of each class or attribute", 200)
    parser.add_argument(
        "--repeats", type=int, default=5, help="fresh sample sets, for the deviation"
    )
    parser.add_argument("--classifier-steps", type=int, default=2000, help="of its training")
    parser.add_argument(
        "--expert", default="lite0@96", help="whose features tell whether the rest stayed"
    )
    parser.add_argument(
        "--trust", action="store_true", help="also take an --expert that is TorchScript, a program"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier judgement")
    return parser


def asked_of(options: Namespace) -> dict[str, Any]:
    """The flags that say what is judged and by whom, which a plan may change later."""
    return {name: getattr(options, name) for name in ASKED}


def run(argv: Sequence[str]) -> None:
    """Print a table and write it into the run, as conditions.md and conditions.json."""
    options = parser().parse_args(argv)
    for name, least in (("n", 10), ("repeats", 1), ("classifier_steps", 1)):
        if getattr(options, name) < least:
            flag = "-n" if name == "n" else "--" + name.replace("_", "-")
            raise UserError(f"{flag} {getattr(options, name)} is out of range; least is {least}")
    judged = Run.open(options.run)
    out = Path() if judged.is_released else judged.path
    written = [out / f"conditions.{ending}" for ending in ("json", "md")]
    if any(file.exists() for file in written) and not options.overwrite:
        raise UserError(f"{out} was judged already; pass --overwrite to do it again")

    from idvae.evaluate.attribute_classifier import (
        edited,
        generated,
        open_attribute_classifier,
    )
    from idvae.evaluate.experts import open_experts
    from idvae.io.progress import progress
    from idvae.report import conditions
    from idvae.training import start

    model = open_model(options)
    condition = needs(model)
    if model.is_points:
        raise UserError("idvae judge looks at images; this run was trained on points")
    prepared = start.data_of(model.run)
    if not len(prepared.split("test")):
        raise UserError(f"{prepared.name} has no test images, by which idvae judge measures")
    expert = None
    if model.method.reconstructs:
        (expert,) = open_experts(
            [options.expert],
            checksum=prepared.checksum,
            device=options.device,
            trust=options.trust,
        )
    steps = options.classifier_steps
    with progress(steps, "training the classifier") as advance:
        classifier = open_attribute_classifier(
            prepared,
            condition,
            steps=steps,
            device=options.device,
            on_step=lambda step, loss: advance(1),
        )
    made = generated(
        classifier,
        lambda y, seed: model.sample(len(y), seed, y),
        condition,
        lambda n, seed: model.draw_conditions(0, n, seed),
        options.n,
        options.repeats,
    )
    test = prepared.split("test")
    rows = np.arange(min(options.n, len(test)))
    edits: tuple[dict[str, Any], dict[str, float]] = ({}, {})
    if expert is not None:
        images, y = test.gather(rows), condition.rows(prepared, test, rows)
        edit = _untold(model) if model.tells_conditions else model.edit
        edits = edited(classifier, edit, condition, images, y, expert)
    values = _values(classifier, made, edits)
    values["facts"] = {
        "step": model.step,
        "n": options.n,
        "repeats": options.repeats,
        "edited": len(rows),
        "classifier": classifier.expert.facts,
        "expert": None if expert is None else expert.facts,
        "expert_name": None if expert is None else options.expert,
        "asked": asked_of(options),
    }
    text = conditions.markdown(values, options.expert)
    for name, content in (("json", json.dumps(values, indent=1) + "\n"), ("md", text)):
        place = Destination(out / f"conditions.{name}", options.overwrite)
        with place.file() as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(f"{text}\nwrote {out / 'conditions.md'}")
    sys.stdout.flush()


def _untold(model: Any) -> Callable[..., np.ndarray]:
    """Edits of a model that finds itself what images have; what is asked of it is the truth's.

    What is to change is set as asked, and what that excludes is cleared; the rest is as the model
    found it.
    """
    condition = model.condition
    place = {name: i for i, name in enumerate(condition.names)}

    def edit(images: np.ndarray, y: np.ndarray, changed: np.ndarray) -> np.ndarray:
        found = model.attributes(images)
        told = np.where(changed == y, found, changed)
        for name, i in place.items():
            for state, newly in ((True, changed > y), (False, changed < y)):
                for other, _ in condition.excluded_by(name, state):
                    told[newly[:, i], place[other]] = changed[newly[:, i], place[other]]
        return model.edit(images, found, told)

    return edit


def _values(
    classifier: Any, made: dict[str, Any], edits: tuple[dict[str, Any], dict[str, float]]
) -> Any:
    rows = {}
    for name, value in made.items():
        row = {
            "classifier": classifier.accuracy.get(name),
            "rough": classifier.rough.get(name),
            "generated": [value.mean, value.sd],
        }
        if name in edits[0]:
            edit = edits[0][name]
            row["edited"] = [edit.changed.mean, edit.changed.sd]
            row["kept"] = None if edit.kept is None else [edit.kept.mean, edit.kept.sd]
            row["identity"] = [edit.identity.mean, edit.identity.sd]
            row["edits"] = edit.n
        rows[name] = row
    return {"kind": classifier.kind, "rows": rows, "identity_scale": edits[1]}
