"""CelebA's original files: the aligned images in a folder or a zip, and the two lists."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from idvae.data.attributes import read_attributes
from idvae.errors import UserError

IMAGES, ATTRIBUTES, PARTITION = (
    "img_align_celeba",
    "list_attr_celeba.txt",
    "list_eval_partition.txt",
)
PLACES = ("", "Anno", "Eval", "Img")  # CelebA itself sorts its files into the last three
SPLITS = {"0": "train", "1": "validation", "2": "test"}
MAX_BYTES = 1 << 22  # an image has about 10 kB


@dataclass
class Faces:
    """What is needed of CelebA, wherever it lies.

    Attributes:
        splits: the rows of each split.
        attributes: int8 (N, A) of 0 and 1.
        names: of the attributes.
        read: row → the stored image.
        where: row → what messages call it.
    """

    splits: dict[str, np.ndarray]
    attributes: np.ndarray
    names: list[str]
    read: Callable[[int], bytes]
    where: Callable[[int], str]


def from_files(root: Path) -> Faces:
    """CelebA as it is distributed.

    Raises:
        UserError: a file is missing or damaged, or images and lists do not match.
    """
    if not root.is_dir():
        raise UserError(f"--source {root}: no such folder")
    images, partition = open_images(root), find(root, PARTITION)
    files, splits = read_partition(partition)
    there = images.names()
    if absent := next((file for file in files if file not in there), None):
        raise UserError(f"{partition} lists {absent}, but there is no such image; fetch it again")
    if extra := sorted(there.difference(files))[:1]:
        raise UserError(f"{partition} has no row for {extra[0]}; fetch it again")
    attributes, names = read_attributes(find(root, ATTRIBUTES), files)
    return Faces(
        splits,
        attributes,
        names,
        read=lambda row: images.read(files[row]),
        where=lambda row: f"{root}, {files[row]}",
    )


class Images(Protocol):
    """Images by name, as they are stored."""

    def names(self) -> set[str]:
        """Of all images."""

    def read(self, name: str) -> bytes:
        """One image; raises UserError where it is damaged."""


def find(root: Path, name: str) -> Path:
    """A file or folder of CelebA's.

    Raises:
        UserError: it is not there.
    """
    for place in PLACES:
        if (root / place / name).exists():
            return root / place / name
    raise UserError(
        f"{root} holds no {name}; --source names the folder with {IMAGES} (or {IMAGES}.zip), "
        f"{ATTRIBUTES} and {PARTITION}"
    )


def open_images(root: Path) -> Images:
    """The images that lie in a folder, or in a zip, which is never unpacked.

    Raises:
        UserError: there is neither, or the zip is damaged.
    """
    for place in PLACES:
        if (root / place / IMAGES).is_dir():
            return _Folder(root / place / IMAGES)
    return _Zip(find(root, f"{IMAGES}.zip"))


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> set[str]:
        return {file.name for file in self.path.iterdir() if file.suffix == ".jpg"}

    def read(self, name: str) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                return file.read(MAX_BYTES)
        except OSError as error:
            raise UserError(f"{self.path / name} cannot be read: {error}") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path)
        except Exception as error:  # zipfile has no common class for what a damaged one raises
            raise UserError(f"{path} cannot be opened ({error}); fetch it again") from error
        members = [one for one in self.zip.infolist() if one.filename.endswith(".jpg")]
        self.members = {one.filename.rpartition("/")[2]: one for one in members}
        if len(self.members) < len(members):
            raise UserError(f"{path} holds two images of one name; fetch it again")

    def names(self) -> set[str]:
        return set(self.members)

    def read(self, name: str) -> bytes:
        where = f"{self.path}, {name}"
        try:
            with self.zip.open(self.members[name]) as member:
                data = member.read(MAX_BYTES)
                if member.read(1):  # read to its end, so that its checksum is verified
                    raise UserError(f"{where} is larger than any image of CelebA's")
                return data
        except UserError:
            raise
        except Exception as error:  # as above, and whatever the method of packing raises
            raise UserError(f"{where} is damaged ({error}); fetch the zip again") from error


def read_partition(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """The official partition: names of all images, and which of them each split has.

    Raises:
        UserError: a line that is no name and 0, 1 or 2; or an image twice.
    """
    splits: dict[str, list[int]] = {split: [] for split in SPLITS.values()}
    names: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                cells = line.split()
                if not cells:
                    continue
                if len(cells) != 2 or cells[1] not in SPLITS:
                    raise UserError(f"{path}, line {number}: a name and 0, 1 or 2 are needed")
                if cells[0] in names:
                    raise UserError(f"{path}, line {number}: {cells[0]} is there already")
                splits[SPLITS[cells[1]]].append(len(names))
                names[cells[0]] = len(names)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return list(names), {split: np.array(rows, np.int64) for split, rows in splits.items()}
