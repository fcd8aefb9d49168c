"""The options of a training run: dataclasses, and one flat parser for flags, YAML and Python.

A value is taken from the first of: a flag, the file given with --config, the built-in recipe for
the data set, the dataclass.
"""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any

from jsonargparse import ArgumentParser

from idvae import methods
from idvae.errors import UserError, did_you_mean
from idvae.io import strict_yaml
from idvae.networks import NetworkConfig
from idvae.options import (
    Count,
    Decay,
    OrNone,
    Rate,
    Share,
    Weight,
    Within,
    check_ranges,
    fitted,
    flag_of,
    types_of,
)
from idvae.seeds import MOST, checked_seed
from idvae.training.distributed import PATIENCE, PRECISIONS

MOST_THREADS = 1024  # beyond what the system gives, OpenMP ends the process without a word


@dataclass
class TrainConfig:
    """The loop.

    Attributes:
        steps: training steps; one step is one pass of the method's updates over one batch.
        batch_size: images in a batch, of all processes together: each has as many of them. Batch
            normalisation needs two.
        seed: of the weights, the order of the images, the noise and the pictures.
        device: auto (a GPU where there is one), cpu, cuda, cuda:1, mps.
        precision: 32 (float32), bf16 (autocast, with float32 losses and weights), tf32 (float32
            with shorter factors in the products of a GPU) or 64.
        graphs: on one CUDA GPU, record the step once and replay it (CUDA graphs).
        threads: CPU threads of torch; 0 takes them all.
        workers: threads that make batches ahead of the training; more of them help where a disk or
            a network takes long to answer. The batches are the same whatever their number.
        optimizer: any of torch's that steps on dense gradients: adam, adamw, rmsprop, sgd, ...
        optimizer_of: optimizer of single groups, such as --optimizer-of.dis rmsprop.
        optimizer_options: options of the optimizers' own, such as weight_decay or momentum.
        lr: learning rate.
        lr_of: learning rate of single groups, such as --lr-of.dis 1e-4.
        betas: β1 and β2, of optimizers that have them.
        betas_of: β1 and β2 of single groups.
        lr_final: the share to which the learning rates fall, by a cosine over all steps; the step
            after the last would have it.
        lr_steps: steps over which they fall, where not over all; they stay there afterwards. A
            run that goes on with more steps keeps the fall that it was started with.
        clip: largest norm of a group's gradient; 0 does not clip.
        schedules: numbers that fall or rise along a cosine to an end value, [value, steps], and
            stay there: lr, lr.GROUP, beta2, beta2.GROUP, or a weight of the method.
        ema: decay of the averaged networks that sampling then uses, such as 0.999; 0 keeps none.
        ema_images: the same as a half-life: images after which the weights of now count half.
        ema_share: how far an average reaches back at most, as a share of the steps made so far:
            a young one keeps up with its networks.
        flip: mirror each image left to right with a chance of one half.
        condition: what the networks are told beside the image or z: labels, names of attributes
            joined by commas, or attributes for the main ones of the set.
        sync_norm: of several processes, normalise the batch of all of them together, not each
            its own part: then the weights do not depend on how many processes there are.
        patience: seconds after which another process that does not answer is taken for lost.
        log_every: steps between lines of metrics.jsonl.
        grid_every: steps between grids of samples and reconstructions; 0 makes none.
        save_every: steps between checkpoints.
        keep: how many checkpoints are kept.
        tensorboard: also write TensorBoard's event files (needs the track extra).
    """

    steps: Count = 10_000
    batch_size: Annotated[int, Within(least=2)] = 64
    seed: Annotated[int, Within(least=0, most=MOST)] = 0
    device: str = "auto"
    precision: str = "32"
    graphs: bool = False
    threads: Annotated[int, Within(least=0, most=MOST_THREADS)] = 0
    workers: Annotated[int, Within(least=1, most=MOST_THREADS)] = 2
    optimizer: str = "adam"
    optimizer_of: dict[str, str] = field(default_factory=dict)
    optimizer_options: dict[str, Annotated[float, Within()]] = field(default_factory=dict)
    lr: Rate = 5e-4
    lr_of: dict[str, Rate] = field(default_factory=dict)
    betas: tuple[Decay, Decay] = (0.5, 0.999)
    betas_of: dict[str, tuple[Decay, Decay]] = field(default_factory=dict)
    lr_final: Share = 1.0
    lr_steps: Count | None = None
    clip: Weight = 0.0
    schedules: dict[str, tuple[Weight, Count]] = field(default_factory=dict)
    ema: Decay = 0.0
    ema_images: Weight = 0.0
    ema_share: Annotated[float, Within(above=0, most=0.5)] = 0.1
    flip: bool = False
    condition: str | None = None
    sync_norm: bool = False
    patience: Count = PATIENCE
    log_every: Count = 50
    grid_every: OrNone = 1000
    save_every: Count = 1000
    keep: Count = 3
    tensorboard: bool = False

    def check(self, groups: Sequence[str]) -> None:
        """Raise UserError where a value is out of range or names a group that is not there."""
        checked_seed(self.seed)
        check_ranges(self)
        if self.lr_final == 0 and self.fall < self.steps:
            raise UserError(
                f"--lr-final 0: the learning rates are 0 from step {self.fall} on, so what is left "
                f"of {self.steps} steps would teach nothing; pass --lr-steps {self.steps}"
            )
        if self.precision not in PRECISIONS:
            *most, last = PRECISIONS
            known = f"{', '.join(most)} or {last}"
            raise UserError(f"unknown --precision {self.precision}; it is {known}")
        for name in ("lr_of", "betas_of", "optimizer_of"):
            self._check_groups(name, getattr(self, name), groups)
        rates = [name.partition(".") for name in self.schedules]
        named = [group for what, dot, group in rates if dot and what in ("lr", "beta2")]
        self._check_groups("schedules", named, groups)
        for name, (end, over) in self.schedules.items():
            what = name.partition(".")[0]
            if what == "beta2" and not 0 <= end < 1:
                raise UserError(f"--schedules.{name} ends at {end:g}; β2 is at least 0 and below 1")
            if what == "lr" and end == 0 and over < self.steps:
                raise UserError(
                    f"--schedules.{name}: the rate is 0 from step {over} on, so what is left of "
                    f"{self.steps} steps would teach nothing; let it take {self.steps}, in a new "
                    "run"
                )
        if self.ema and self.ema_images:
            raise UserError("--ema and --ema-images say the same in two ways; leave one out")
        if self.graphs and any(what == "beta2" for what, *_ in rates):
            raise UserError("--graphs true records β2 as it is; leave out its schedule")

    def _check_groups(self, name: str, named: Iterable[str], groups: Sequence[str]) -> None:
        for group in named:
            if group not in groups:
                flag = flag_of(name)
                raise UserError(
                    f"{flag} names no group {group!r}; they are {', '.join(groups)}. "
                    f"Where it comes from a recipe, {flag} '{{}}' takes it back"
                )

    @property
    def fall(self) -> int:
        """Steps over which the learning rates fall."""
        return self.steps if self.lr_steps is None else self.lr_steps

    def lr_share(self, step: int) -> float:
        """The share of their first value that the learning rates have at `step`, from 0."""
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(step, self.fall) / self.fall))
        return self.lr_final + (1.0 - self.lr_final) * cosine

    def after(self, planned: "TrainConfig") -> "TrainConfig":
        """The same, for a run that was begun with `planned` and goes on with this.

        More steps than planned do not stretch the fall of the learning rates, unless `lr_steps`
        says so: that would lift them again.
        """
        if self.lr_steps is None and self.steps > planned.steps and self.lr_final < 1:
            return replace(self, lr_steps=planned.steps)
        return self


@dataclass
class Settings:
    """Everything that makes a run, apart from the data: all defaults filled in."""

    method: str
    method_config: Any
    networks: NetworkConfig
    train: TrainConfig

    def options(self) -> dict[str, Any]:
        """The flat options, as a YAML file of them holds them."""
        parts = (self.method_config, self.networks, self.train)
        flat = {k.rstrip("_"): v for part in parts for k, v in asdict(part).items()}
        return {k: _plain(v) for k, v in flat.items()}

    def check_ranges(self) -> None:
        """Raise UserError where a number is out of the range beside its field."""
        checked_seed(self.train.seed)
        for part in (self.method_config, self.networks, self.train):
            check_ranges(part)


def completed(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The flat options of a run, with the defaults of those that it does not say.

    A later version may have brought an option; its default does what was done before.

    Raises:
        UserError: an unknown method.
    """
    default = Settings(method, methods.get(method).Config(), NetworkConfig(), TrainConfig())
    return {**default.options(), **options}


def _plain(value: Any) -> Any:
    """The same without tuples, which YAML does not know."""
    if isinstance(value, tuple):
        return list(value)
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def parser(method: str) -> ArgumentParser:
    """The parser of the flags of training with one method; its errors are exceptions.

    It knows no flag that reads a file: `from_flags` reads those of --config.

    Raises:
        UserError: an option of the method that its docstring does not explain.
    """
    cls = methods.get(method)
    parser = ArgumentParser(
        prog=f"idvae train {method}",
        description=f"Train {cls.title}. {cleandoc(cls.Config.__doc__).splitlines()[0]}",
        exit_on_error=False,
        default_env=False,
    )
    for part in _parts(method):
        texts, types = attribute_texts(part), types_of(part)
        for item in fields(part):
            default = item.default_factory() if callable(item.default_factory) else item.default
            parser.add_argument(
                flag_of(item.name), type=types[item.name], default=default, help=texts[item.name]
            )
    return parser


def _parts(method: str) -> tuple[type, type, type]:
    """The dataclasses of all options of training with one method."""
    return methods.get(method).Config, NetworkConfig, TrainConfig


def attribute_texts(config_class: type) -> dict[str, str]:
    """The explanations of a dataclass's fields, from its docstring and those of its bases.

    Raises:
        UserError: a field that none of them explains.
    """
    texts: dict[str, str] = {}
    for base in reversed(config_class.__mro__[:-1]):
        section = cleandoc(base.__doc__ or "").partition("Attributes:\n")[2]
        for entry in re.split(r"\n(?=    \w)", "\n" + section):
            name, _, text = entry.strip().partition(": ")
            texts[name] = " ".join(text.split())
    for item in fields(config_class):
        if not texts.get(item.name):
            raise UserError(
                f"{config_class.__name__}.{item.name} is not explained; give it a line under "
                "Attributes: in the docstring of its class"
            )
    return texts


def recipe_names() -> list[str]:
    """The built-in recipes, each a YAML file of options."""
    folder = resources.files("idvae.recipes")
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def recipes_for(method: str, source: str, kind: str, size: int | None = None) -> list[str]:
    """The recipes that a method starts from on a data set; a later one wins over an earlier.

    Those of the kind of data, of the set, of the method's family on the kind, on the kind at this
    size (pixels a side: some weights are of sums over them), on the set, and on the set so.
    """
    family = methods.get(method).family
    wanted = [kind, source]
    for what in (kind, source):
        wanted += [f"{what}-{family}", f"{what}-{size}-{family}"]
    return [name for name in wanted if name in recipe_names()]


def recipe(name: str) -> dict[str, Any]:
    """The options in a built-in recipe."""
    data = resources.files("idvae.recipes").joinpath(f"{name}.yaml").read_bytes()
    return strict_yaml.parse_mapping(data, f"the recipe {name}")


def from_flags(method: str, flags: Sequence[str], recipes: Sequence[str] = ()) -> Settings:
    """Parse command-line flags over the files of --config over recipes.

    Raises:
        UserError: an unknown flag or key, a value of a wrong type or out of range, or a file that
            cannot be read.
    """
    known = parser(method)
    files, flags = _split_config(flags)
    for values in (*map(recipe, recipes), *map(read_config, files)):
        known.set_defaults(_fitted(method, values))
    try:
        found = known.parse_args(flags).as_dict()
    except Exception as error:  # jsonargparse has no common class for what it raises
        raise UserError(_explain(known, str(error))) from error
    settings = _settings(method, found)
    settings.check_ranges()
    return settings


def from_mapping(method: str, options: Mapping[str, Any], recipes: Sequence[str] = ()) -> Settings:
    """The same from Python; `lambda_` and `lambda` are both taken. It reads no file.

    Raises:
        UserError: an unknown option, or a value of a wrong type or out of range.
    """
    settings = _from_mapping(method, options, recipes)
    settings.check_ranges()
    return settings


def of_run(method: str, options: Mapping[str, Any]) -> Settings:
    """The same of a run that is there, whose numbers may lie where those of a new one may not.

    Raises:
        UserError: an unknown option, or a value of a wrong type.
    """
    return _from_mapping(method, options)


def _from_mapping(method: str, options: Mapping[str, Any], recipes: Sequence[str] = ()) -> Settings:
    found = {}
    for part in _parts(method):
        for item in fields(part):
            default = item.default_factory() if callable(item.default_factory) else item.default
            found[item.name.rstrip("_")] = default
    for values in (*map(recipe, recipes), options):
        found.update(_fitted(method, values))
    return _settings(method, found)


def option_types(method: str) -> dict[str, Any]:
    """The type of every option of training with one method, by the names that YAML has for them."""
    return {k.rstrip("_"): kind for part in _parts(method) for k, kind in types_of(part).items()}


def option_name(key: Any) -> str:
    """An option's name however it is written: `lambda-dec` and `lambda_dec_` are `lambda_dec`."""
    return str(key).replace("-", "_").rstrip("_")


def named(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Options by their names, however each is written, so that others can win over them.

    Raises:
        UserError: one is there twice.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = option_name(key)
        if name in found:
            raise UserError(f"the option {name} is there twice")
        found[name] = value
    return found


def _fitted(method: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Options by the names that YAML has for them, each of the type of its field."""
    types = option_types(method)
    found: dict[str, Any] = {}
    for name, value in named(values).items():
        if name not in types:
            hint = did_you_mean(name, types, f"see idvae train {method} --help")
            raise UserError(f"there is no option {name[:80]!r}; {hint}")
        found[name] = fitted(value, types[name], name)
    return found


def _split_config(flags: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of --config, and all other flags: these win wherever they stand."""
    files: list[str] = []
    rest: list[str] = []
    pending = iter(flags)
    for flag in pending:
        name, equals, value = flag.partition("=")
        if name == "--config":
            value = value if equals else next(pending, "")
            if not value:
                raise UserError("--config needs a YAML file or the name of a recipe")
            files.append(value)
        else:
            rest.append(flag)
    return files, rest


def config_files(flags: Sequence[str]) -> tuple[Path, ...]:
    """The user's own YAML files among command-line flags."""
    return tuple(Path(file) for file in _split_config(flags)[0] if file not in recipe_names())


def read_config(name: str) -> dict[str, Any]:
    """The options in a recipe by its name, or in a YAML file.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    if name in recipe_names():
        return recipe(name)
    if not Path(name).is_file():
        hint = did_you_mean(name, recipe_names(), "nor is it a recipe's name", most=3)
        raise UserError(f"--config {name}: the file does not exist; {hint}")
    return strict_yaml.read_mapping(Path(name))


def _explain(known: ArgumentParser, message: str) -> str:
    message = re.sub(r"<class '(\w+)'>", r"\1", message).replace("typing.", "")
    message = re.sub(r'Parser key "(\w+)":', r"option \1:", message)
    if found := re.search(r"unrecognized arguments: (--[\w.-]+)", message):
        names = [name for action in known._actions for name in action.option_strings]
        hint = did_you_mean(found[1].replace("_", "-"), names, f"see {known.prog} --help")
        message += f"; {hint}"
    return message


def _settings(method: str, values: dict[str, Any]) -> Settings:
    parts = (
        part(**{f.name: values[f.name.rstrip("_")] for f in fields(part)})
        for part in _parts(method)
    )
    return Settings(method, *parts)


def print_options(settings: Settings) -> None:
    sys.stdout.write(strict_yaml.dump(settings.options()))
