"""What one process of a group does; in a file of its own, since new processes import it."""

import numpy as np
import torch.distributed as dist

from evaluate.toys import images, pooled
from idvae.evaluate.features import collect
from idvae.evaluate.metrics.frechet import frechet_distance
from idvae.evaluate.sources.images import open_images


def in_a_group(rank, world, place, keep):
    """Collect features of 300 images together and write what this process got."""
    dist.init_process_group("gloo", f"file://{place}/group", rank=rank, world_size=world)
    found = collect(open_images(images(300, seed=9)), [pooled()], 300, keep=keep)["pooled"]
    np.savez(
        f"{place}/{keep}-{rank}.npz",
        fd=frechet_distance(found.statistics, pooled()(images(400, 1)).features),
        rows=found.rows,
        logits=found.logits,
    )
    dist.destroy_process_group()
