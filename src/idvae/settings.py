"""The options of a training run: dataclasses, and one flat parser for flags, YAML and Python.

A value is taken from the first of: a flag, the file given with --config, the built-in recipe for
the data set, the dataclass.
"""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from importlib import resources
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser

from idvae import methods
from idvae.devices import PRECISIONS
from idvae.errors import UserError
from idvae.networks import NetworkConfig
from idvae.seeds import checked_seed


@dataclass
class TrainConfig:
    """The loop.

    Attributes:
        steps: training steps; one step is one pass of the method's updates over one batch.
        batch_size: images in a batch, on each process.
        seed: of the weights, the order of the images, the noise and the pictures.
        device: auto (a GPU where there is one), cpu, cuda, cuda:1, mps.
        precision: 32 (float32), bf16 (autocast, with float32 losses and weights), tf32 (float32
            with shorter factors in the products of a GPU) or 64.
        graphs: on one CUDA GPU, record the step once and replay it (CUDA graphs).
        threads: CPU threads of torch; 0 takes them all.
        lr: learning rate of Adam.
        lr_of: learning rate of single groups, such as --lr-of.dis 1e-4.
        betas: Adam's β1 and β2.
        betas_of: β1 and β2 of single groups.
        lr_final: at the last step the learning rates have fallen, by a cosine, to this share.
        lr_steps: steps over which they fall, where not over all; they stay there afterwards. A
            run that goes on with more steps keeps the fall that it was started with.
        clip: largest norm of a group's gradient; 0 does not clip.
        ema: decay of the averaged decoder that sampling then uses, such as 0.999; 0 keeps none.
        flip: mirror each image left to right with a chance of one half.
        condition: what the networks are told beside the image or z: labels, names of attributes
            joined by commas, or attributes for the main ones of the set.
        sync_norm: of several processes, normalise the batch of all of them together, not each
            its own part.
        log_every: steps between lines of metrics.jsonl.
        grid_every: steps between grids of samples and reconstructions; 0 makes none.
        save_every: steps between checkpoints.
        keep: how many checkpoints are kept.
        tensorboard: also write TensorBoard's event files (needs the track extra).
    """

    steps: int = 10_000
    batch_size: int = 64
    seed: int = 0
    device: str = "auto"
    precision: str = "32"
    graphs: bool = False
    threads: int = 0
    lr: float = 5e-4
    lr_of: dict[str, float] = field(default_factory=dict)
    betas: tuple[float, float] = (0.5, 0.999)
    betas_of: dict[str, tuple[float, float]] = field(default_factory=dict)
    lr_final: float = 1.0
    lr_steps: int | None = None
    clip: float = 0.0
    ema: float = 0.0
    flip: bool = False
    condition: str | None = None
    sync_norm: bool = False
    log_every: int = 50
    grid_every: int = 1000
    save_every: int = 1000
    keep: int = 3
    tensorboard: bool = False

    def check(self, groups: Sequence[str]) -> None:
        """Raise UserError where a value is out of range or names a group that is not there."""
        for name in ("steps", "batch_size", "log_every", "save_every", "keep"):
            self._at_least(name, 1)
        if self.lr_steps is not None:
            self._at_least("lr_steps", 1)
        for name in ("threads", "clip", "grid_every"):
            self._at_least(name, 0)
        checked_seed(self.seed)
        if not 0 <= self.ema < 1:
            raise UserError(f"--ema {self.ema} is out of range; it is at least 0 and below 1")
        if not 0 <= self.lr_final <= 1:
            raise UserError(f"--lr-final {self.lr_final} is out of range; it is from 0 to 1")
        if self.lr_final == 0 and self.fall < self.steps:
            raise UserError(
                f"--lr-final 0: the learning rates are 0 from step {self.fall} on, so what is left "
                f"of {self.steps} steps would teach nothing; pass --lr-steps {self.steps}"
            )
        if self.precision not in PRECISIONS:
            *most, last = PRECISIONS
            known = f"{', '.join(most)} or {last}"
            raise UserError(f"unknown --precision {self.precision}; it is {known}")
        for name in ("lr_of", "betas_of"):
            for group in getattr(self, name):
                if group not in groups:
                    flag = name.replace("_", "-")
                    raise UserError(
                        f"--{flag} names no group {group!r}; they are {', '.join(groups)}. "
                        f"Where it comes from a recipe, --{flag} '{{}}' takes it back"
                    )
        for rate in (self.lr, *self.lr_of.values()):
            if not rate > 0:
                raise UserError(f"a learning rate of {rate} is out of range; it is above 0")
        for pair in (self.betas, *self.betas_of.values()):
            if not all(0 <= beta < 1 for beta in pair):
                raise UserError(f"--betas {pair} is out of range; each is at least 0 and below 1")

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

    def _at_least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not value >= least:
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} {value} is out of range; it is at least {least}")


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
    """The parser of all options of training with one method; its errors are exceptions."""
    cls = methods.get(method)
    parser = ArgumentParser(
        prog=f"idvae train {method}",
        description=f"Train {cls.title}. {cleandoc(cls.Config.__doc__).splitlines()[0]}",
        exit_on_error=False,
        default_env=False,
    )
    parser.add_argument("--config", action=ActionConfigFile, help="a YAML file of these options")
    for part in (cls.Config, NetworkConfig, TrainConfig):
        texts = attribute_texts(part)
        for item in fields(part):
            default = item.default_factory() if callable(item.default_factory) else item.default
            parser.add_argument(
                "--" + item.name.rstrip("_").replace("_", "-"),
                type=item.type,
                default=default,
                help=texts[item.name],
            )
    return parser


def attribute_texts(config_class: type) -> dict[str, str]:
    """The explanations of a dataclass's fields, from its docstring and those of its bases."""
    texts: dict[str, str] = {}
    for base in reversed(config_class.__mro__[:-1]):
        section = cleandoc(base.__doc__ or "").partition("Attributes:\n")[2]
        for entry in re.split(r"\n(?=    \w)", "\n" + section):
            name, _, text = entry.strip().partition(": ")
            texts[name] = " ".join(text.split())
    return texts


def recipe_names() -> list[str]:
    """The built-in recipes, each a YAML file of options."""
    folder = resources.files("idvae.recipes")
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def recipes_for(method: str, source: str, kind: str) -> list[str]:
    """The recipes that a method starts from on a data set; a later one wins over an earlier.

    Those of the kind of data, of the set, of the method's family on the kind, and on the set.
    """
    family = methods.get(method).family
    wanted = (kind, source, f"{kind}-{family}", f"{source}-{family}")
    return [name for name in wanted if name in recipe_names()]


def recipe(name: str) -> dict[str, Any]:
    """The options in a built-in recipe."""
    text = resources.files("idvae.recipes").joinpath(f"{name}.yaml").read_text("utf-8")
    return yaml.safe_load(text) or {}


def from_flags(method: str, flags: Sequence[str], recipes: Sequence[str] = ()) -> Settings:
    """Parse command-line flags over recipes.

    Raises:
        UserError: an unknown flag or key, or a value of a wrong type.
    """
    known = parser(method)
    _set_recipes(known, recipes)
    return _settings(method, _parse(known, lambda: known.parse_args(_config_first(flags))))


def from_mapping(method: str, options: Mapping[str, Any], recipes: Sequence[str] = ()) -> Settings:
    """The same from Python or from a run's config.yaml; `lambda_` and `lambda` are both taken.

    Raises:
        UserError: an unknown option, or a value of a wrong type.
    """
    known = parser(method)
    _set_recipes(known, recipes)
    plain = {name.rstrip("_"): _plain(value) for name, value in options.items()}
    return _settings(method, _parse(known, lambda: known.parse_object(plain)))


def _set_recipes(known: ArgumentParser, recipes: Sequence[str]) -> None:
    for name in recipes:
        known.set_defaults(recipe(name))


def _config_first(flags: Sequence[str]) -> list[str]:
    """Put files before flags, so that a flag wins wherever it stands; resolve recipe names."""
    files: list[str] = []
    rest: list[str] = []
    pending = iter(flags)
    for flag in pending:
        name, equals, value = flag.partition("=")
        if name == "--config":
            value = value if equals else next(pending, "")
            if value in recipe_names():
                value = str(resources.files("idvae.recipes").joinpath(f"{value}.yaml"))
            files += ["--config", value]
        else:
            rest.append(flag)
    return files + rest


def config_files(flags: Sequence[str]) -> tuple[Path, ...]:
    """The user's own YAML files among command-line flags."""
    named = _config_first(flags)
    return tuple(Path(file) for flag, file in pairwise(named) if flag == "--config")


def _parse(known: ArgumentParser, parse: Any) -> dict[str, Any]:
    try:
        values = parse().as_dict()
    except Exception as error:  # jsonargparse has no common class for what it raises
        raise UserError(_explain(known, str(error))) from error
    values.pop("config", None)
    return values


def _explain(known: ArgumentParser, message: str) -> str:
    message = re.sub(r"<class '(\w+)'>", r"\1", message).replace("typing.", "")
    message = re.sub(r'Parser key "(\w+)":', r"option \1:", message)
    found = re.search(r"(?:unrecognized arguments: --|Option ')([\w.-]+)", message)
    if found:
        names = [a.dest for a in known._actions]
        near = get_close_matches(found[1].replace("-", "_"), names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; see {known.prog} --help"
        message += hint
    return message


def _settings(method: str, values: dict[str, Any]) -> Settings:
    def build(part: type) -> Any:
        return part(**{f.name: values[f.name.rstrip("_")] for f in fields(part)})

    return Settings(
        method, build(methods.get(method).Config), build(NetworkConfig), build(TrainConfig)
    )


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping; anything else is a UserError."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} is no mapping of options")
    return values


def print_options(settings: Settings) -> None:
    yaml.safe_dump(settings.options(), sys.stdout, sort_keys=False, allow_unicode=True)
