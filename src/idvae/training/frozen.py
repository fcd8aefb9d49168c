"""Networks that another run trained and this one never moves: stored once, not at each save."""

from collections.abc import Mapping
from shlex import quote

from safetensors.torch import save_file
from torch import Tensor

from idvae import methods
from idvae.data.conditions import Condition
from idvae.errors import UserError
from idvae.io.files import atomic_file
from idvae.methods.method import Method
from idvae.training import averaging, checkpoints
from idvae.training.run import Run

FILE = "frozen.safetensors"


def pretrain(method: Method, condition: Condition | None) -> int | None:
    """Give a method's frozen networks their weights, from the run that its option names.

    Args:
        method: whose frozen networks have weights of no use yet.
        condition: of the run that is to be; what was told of the other must mean the same.

    Returns:
        the step of that run; None where the method has no such networks.

    Raises:
        UserError: no run is named, it is not at its end, it was told another condition, or it has
            no network that fits.
    """
    if not method.frozen:
        return None
    if not method.config.pretrained:
        first = f" of idvae train {method.first_phase}" if method.first_phase else ""
        raise UserError(
            f"{method.title} starts from another run{first}: name it with --pretrained RUN"
        )
    run = Run.open(method.config.pretrained)
    if run.is_released:
        raise UserError(f"{run.path} is a released model, without all networks of its training")
    other = methods.get(run.config["method"])
    if "dec" in method.frozen and other.prior != method.prior:
        raise UserError(
            f"{run.path} draws codes of the {other.prior} prior, and {method.title} of the "
            f"{method.prior} one: its decoder does not know them"
        )
    if "dec" in method.frozen and not other.decodes_prior:
        raise _knows_no_prior(run, method)
    told = Condition.from_config(run.config.get("condition"))
    if _meaning(told) != _meaning(condition):
        raise UserError(
            f"{run.path} was told {_in_words(told)}, and this run is to be told "
            f"{_in_words(condition)}; give the same --condition"
        )
    saved = checkpoints.load(run.path / "checkpoints", other.name)
    if saved.step < (steps := run.config["options"]["steps"]):
        resume = f"idvae train --resume {quote(str(run.path))}"
        raise UserError(
            f"{run.path} is at step {saved.step:,} of {steps:,}: let it end ({resume}), or end it "
            f"there ({resume} --steps {saved.step})"
        )
    for own, theirs in method.frozen.items():
        if saved.average is not None and theirs in other.averaged:
            found = averaging.of_network(other, theirs, saved.average)
        else:
            found = _within(theirs, saved.model)
        if not found:
            raise UserError(f"{run.path} has no network {theirs!r}, which {method.title} needs")
        if own == "dec" and not _knows_prior(found):
            raise _knows_no_prior(run, method)
        network = getattr(method, own)
        dtype = next(network.parameters()).dtype
        found = {key: v.to(dtype) if v.is_floating_point() else v for key, v in found.items()}
        try:
            checkpoints.load_weights(network, found, run.path)
        except UserError as error:
            raise UserError(
                f"{run.path} has a {theirs!r} of another shape than this run is to have; give the "
                "same --preset, --width and --z-dim, and data of the same size and channels"
            ) from error
    return saved.step


def _meaning(condition: Condition | None) -> object:
    """What an entry of y says; which attributes exclude each other may have been told since."""
    return condition and (condition.kind, condition.names)


def _in_words(condition: Condition | None) -> str:
    return "no condition" if condition is None else ", ".join(condition.names)


def _knows_no_prior(run: Run, method: Method) -> UserError:
    return UserError(
        f"{run.path} never showed its decoder codes of the prior, which {method.title} draws; take "
        f"a run of idvae train {method.first_phase}"
    )


def _knows_prior(decoder: Mapping[str, Tensor]) -> bool:
    """Whether its running statistics of such codes, the first row, ever followed a batch."""
    kept = [value for key, value in decoder.items() if key.endswith("running_var")]
    return not kept or any(bool((value[0] != 1).any()) for value in kept)


def store(method: Method, run: Run) -> None:
    """Write them to the run's folder."""
    if method.frozen:
        with atomic_file(run.path / FILE) as temporary:
            save_file(checkpoints.on_cpu(_frozen(method)), temporary)


def load(method: Method, run: Run) -> None:
    """Read what `store` wrote.

    Raises:
        UserError: it is gone or damaged, or does not fit.
    """
    if method.frozen:
        file = run.path / FILE
        checkpoints.check_shapes(checkpoints.shapes(file), _frozen(method), file)
        found = checkpoints.read_tensors(file)
        for name in method.frozen:
            checkpoints.load_weights(getattr(method, name), _within(name, found), file)


def _frozen(method: Method) -> dict[str, Tensor]:
    """The state of the frozen networks alone."""
    trained = checkpoints.trained(method)
    return {key: value for key, value in method.state_dict().items() if key not in trained}


def _within(network: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{network}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
