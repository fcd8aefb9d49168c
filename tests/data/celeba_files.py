"""A small CelebA in the true formats: 178×218 JPEGs, the partition, the list of attributes."""

import io
import zipfile

import numpy as np
from PIL import Image

NAMES = ["Bald", "Smiling", "Male", "Young"]


def jpeg(seed):
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (11, 9, 3), np.uint8))
    buffer = io.BytesIO()
    rough.resize((178, 218), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def make(train=12, validation=4, test=4):
    """File name → JPEG, split and attributes."""
    splits = [0] * train + [1] * validation + [2] * test
    rng = np.random.default_rng(1)
    return {
        f"{i + 1:06}.jpg": (jpeg(i), split, rng.choice([-1, 1], len(NAMES)).tolist())
        for i, split in enumerate(splits)
    }


def write(root, faces, packed=False):
    root.mkdir(parents=True, exist_ok=True)
    if packed:
        with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as archive:
            archive.writestr("img_align_celeba/", "")
            for name, (image, _, _) in faces.items():
                archive.writestr(f"img_align_celeba/{name}", image)
    else:
        (root / "img_align_celeba").mkdir(exist_ok=True)
        for name, (image, _, _) in faces.items():
            (root / "img_align_celeba" / name).write_bytes(image)
    lines = [f"{name} {split}" for name, (_, split, _) in faces.items()]
    (root / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{name} " + " ".join(f"{v:2}" for v in row) for name, (_, _, row) in faces.items()]
    head = [str(len(faces)), " ".join(NAMES) + " "]
    (root / "list_attr_celeba.txt").write_text("\n".join(head + lines) + "\n")
