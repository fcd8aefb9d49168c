"""The run that a method of two phases starts from, made in passing."""

from idvae import methods
from idvae.training import start


def with_first(name, digits, folder, options):
    """The options of a training; with `pretrained` where the method needs it.

    The first run has the same networks, lies in the folder and is made once for all that need it.
    """
    first = methods.get(name).first_phase.partition(" ")[0]
    if not first:
        return options
    place = folder / f"first-{first}"
    if not place.exists():
        own = ("width", "z_dim", "preset", "condition", "batch_size", "threads")
        few = {key: options[key] for key in own if key in options}
        start.train(first, digits, place, steps=2, log_every=2, grid_every=0, **few)
    return {**options, "pretrained": str(place)}
