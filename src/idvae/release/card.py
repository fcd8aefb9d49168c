"""The card of a released model: what it is, what it was made of, how good it was found to be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idvae import __version__, data, methods
from idvae.data.prepared import PreparedSet
from idvae.errors import MISSHAPEN, UserError
from idvae.evaluate.scores import METRICS, RECONSTRUCTION, Scores, Value, file_name
from idvae.io import strict_yaml
from idvae.model import Model
from idvae.networks import NetworkConfig
from idvae.release import front_matter
from idvae.report import conditions
from idvae.report.table import markdown_line
from idvae.report.training import images, macs_of_steps, with_unit
from idvae.training import judgement, settings
from idvae.training.run import Run
from idvae.training.run_config import FIRST_PHASE, OF_THE_MACHINE, OF_THE_RECORD
from idvae.training.settings import Settings, TrainConfig
from idvae.training.start import how_to_prepare

FILE, PICTURE = "README.md", "samples.png"
# Options that say where and how a run was made, and nothing of what it is.
LEFT_OUT = (*OF_THE_MACHINE, *OF_THE_RECORD, "tensorboard", FIRST_PHASE)


@dataclass(frozen=True)
class Findings:
    """What was measured of a run; None where it was not.

    Attributes:
        scores: of `idvae evaluate`.
        judged: of `idvae judge`, what conditions.json holds.
    """

    scores: Scores | None
    judged: dict[str, Any] | None


def findings(run: Run, step: int) -> Findings:
    """What lies in a run's folder, if it is of this step.

    Raises:
        UserError: it is of another step, or damaged.
    """
    scores = None
    if (file := run.path / file_name()).is_file():
        scores = Scores.load(file)
        _check_step(file, scores.about.get("step"), step)
    if (judged := judgement.read(run.path)) is not None:
        file = run.path / judgement.NAME
        try:
            _check_step(file, judged["facts"]["step"], step)
            conditions.markdown(judged, "")
        except MISSHAPEN as error:
            raise judgement.misshapen(file, error) from error
    return Findings(scores, judged)


def _check_step(file: Any, found: Any, step: int) -> None:
    if found != step:
        raise UserError(
            f"{file} is of step {found}, not {step}; measure it again, or choose another --step"
        )


def what(model: Model) -> str:
    """A model in a line, as lists have it."""
    facts, told = model.run.config["data"], ""
    if (condition := model.condition) is not None:
        kind = "classes" if condition.kind == "labels" else "attributes"
        told = f", told {condition.width} {kind}"
    source = facts.get("source") or facts["name"]
    return f"{model.method.title} on {source}, {model.shape.size} px{told}"


def text(
    name: str,
    run: Run,
    model: Model,
    prepared: PreparedSet,
    found: Findings,
    call: str,
    licence: str | None = None,
) -> str:
    """The whole card, in Markdown, below what machines read of it.

    Args:
        name: of the model.
        run: that it was made of.
        model: as it was released.
        prepared: what it was trained on.
        found: what was measured.
        call: what idvae.load is given.
        licence: of the model, where it is known.
    """
    parts = [
        front_matter.text(name, model, prepared, found.scores, licence),
        f"# {name}",
        f"{what(model)}.",
        f"![samples]({PICTURE})",
        _told(model),
    ]
    parts += [_use(call, model), _facts(run, model, prepared), _options(run)]
    if found.scores is not None:
        parts += ["## Scores", *_scores(found.scores, prepared.name)]
    if found.judged is not None:
        facts = found.judged["facts"]
        parts += [
            "## Is it as asked?",
            f"Shares of images that a classifier of real ones finds to be as asked: {facts['n']} "
            f"of each, {facts['repeats']} sample sets; `edited`: of test images.",
            conditions.markdown(found.judged, facts.get("expert_name") or "the expert"),
        ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _told(model: Model) -> str:
    if model.condition is None:
        return "Above: the first 64 samples of seed 0."
    names = ", ".join(model.condition.names)
    return (
        "Above: the first 64 samples of seed 0, under conditions as they occur in the training "
        f"data. It is told: {names}."
    )


def _use(call: str, model: Model) -> str:
    lines = [
        "```python",
        "import idvae",
        "",
        f'model = idvae.load("{call}")',
        f"images = model.sample(64)  # uint8 {(64, *_shape(model))}",
    ]
    told = ""
    if model.condition is not None:
        told = ", y"
        lines.append("y = model.draw_conditions(0, 64, seed=0)  # those of the images")
    if model.method.reconstructs:
        lines.append(f"again = model.reconstruct(images{told})")
    if model.method.reconstructs and model.condition is not None:
        lines.append(
            f'changed = model.condition.changed(y, {{"{model.condition.names[0]}": True}})'
        )
        lines.append("edited = model.edit(images, y, changed)")
    return "\n".join([*lines, "```"])


def _shape(model: Model) -> tuple[int, int, int]:
    return (model.shape.size, model.shape.size, model.shape.channels)


def _facts(run: Run, model: Model, prepared: PreparedSet) -> str:
    config, made = run.config, model.run.config
    batch, seed = run.batch(model.step), config["options"].get("seed", 0)
    seen, macs = images(run, 0, model.step), macs_of_steps(run, model.step)
    training = f"{model.step:,} steps, {seen:,} images in batches of {batch}, seed {seed}"
    if macs is not None:
        training += f"; {with_unit(macs)} multiply-adds"
    if config["options"].get(FIRST_PHASE):
        training += ", of its second phase: the first, which lent it networks, is not in it"
    weights = sum(p.numel() for p in model.method.parameters())
    networks = f"{weights:,} parameters"
    if counts := config.get("parameters"):
        networks += f", of {sum(counts.values()):,} with those that only training needs"
    method, source = methods.get(config["method"]), config["data"].get("source")
    rows = {
        "method": f"`{method.name}`: {method.source}",
        "data": f"{prepared.name}: {prepared.counts['train']:,} images to train on, "
        f"{prepared.size} px, {'grey' if prepared.channels == 1 else 'colour'}; "
        f"`{how_to_prepare(made['data'])}`",
        "checksum of the data": f"`{prepared.checksum}`",
        "licence of the data": data.get(source).licence if source in data.names() else "not known",
        "training": training,
        "networks": networks,
        "sha256 of weights.safetensors": f"`{made['released']['sha256']}`",
        "released by": f"idvae {__version__}",
    }
    return "\n".join(map(markdown_line, [["", ""], ["---", "---"], *map(list, rows.items())]))


def _options(run: Run) -> str:
    """Those that are not idvae's defaults: with them alone it could be trained again."""
    method = run.config["method"]
    batch = run.batch(run.processes_until()[-1][0])
    chosen = settings.of_run(method, {**run.config["options"], "batch_size": batch}).options()
    usual = Settings(method, methods.get(method).Config(), NetworkConfig(), TrainConfig()).options()
    own = {k: v for k, v in chosen.items() if v != usual[k] and k not in LEFT_OUT}
    first = methods.get(method).first_phase
    begun = f"\n\nIt began from a run of `idvae train {first}`, which `--pretrained` names."
    return (
        "## Options\n\nAll that differ from the defaults of "
        f"`idvae train {method} --no-recipe --config FILE.yaml`:\n\n"
        f"```yaml\n{strict_yaml.dump(own)}```{begun if chosen.get(FIRST_PHASE) else ''}"
    )


def _scores(scores: Scores, trained_on: str) -> list[str]:
    """A row an expert, the real-data baseline below it; then errors of reconstructions."""
    metrics = [m for m in METRICS if any(m in values for values in scores.row.values())]
    lines = [["expert", *(METRICS[m][0] for m in metrics)], ["---"] + ["---:"] * len(metrics)]
    for expert, values in scores.row.items():
        lines.append([expert, *(_cell(values.get(m)) for m in metrics)])
        if real := scores.true_data.get(expert):
            lines.append([f"{expert}, real data", *(_cell(real.get(m)) for m in metrics)])
    facts, reference = scores.facts, scores.facts["reference"]
    repeats = max(len(v.values) for values in scores.row.values() for v in values.values())
    sets = "one sample set" if repeats == 1 else f"{repeats} sample sets, mean ± deviation"
    told = f"n = {facts['n']:,} images a sample set, {sets}; "
    told += f"against {reference['n'] or 0:,} real images"
    if "split" in reference:
        told += f" of the {reference['split']} split"
    name = str(scores.about.get("reference") or trained_on)
    if name.partition(", ")[0] != trained_on:
        told += f", which are not of {trained_on} but of {Path(name).name}"
    if scores.true_data:
        of = "held-out" if scores.about.get("held_out", True) else "other"
        told += f"; real data: {of} images, scored as if they were samples"
    parts = ["\n".join(map(markdown_line, lines)), f"{told}."]
    if found := scores.reconstruction:
        named = ((RECONSTRUCTION.get(k, (k,))[0], v["mean"]) for k, v in found["values"].items())
        cells = ", ".join(f"{title} {mean:.4g}" for title, mean in named)
        split = found["facts"].get("split", "test")
        parts.append(f"Reconstructions of {found['facts']['n']:,} {split} images: {cells}.")
    return parts


def _cell(value: Value | None) -> str:
    if value is None:
        return "–"
    return f"{value.mean:.4g}" + ("" if value.sd is None else f" ± {value.sd:.2g}")
