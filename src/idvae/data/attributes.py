"""Tables of attributes: a CSV, or CelebA's own list_attr_celeba.txt."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np

from idvae.errors import UserError

VALUES = {"0": 0, "1": 1, "-1": 0}
Row = tuple[int, list[str]]  # the number of the line, and its cells


def read_attributes(path: Path, files: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Read a CSV: file name, then one column an attribute, of 0 and 1 or −1 and 1.

    CelebA's own list_attr_celeba.txt is read too: the number of rows, a line of names, and rows
    apart by blanks.

    Args:
        path: the CSV, with a header.
        files: relative names of the images.

    Returns:
        int8 (N, A) in the order of `files`, and the names.

    Raises:
        UserError: a file without a row, a row without a file, a row twice, or another value.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            names, announced, rows = _open(path, opened)
            values, count = _fill(path, files, names, rows)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as CSV: {error}") from error
    if announced is not None and count != announced:
        raise UserError(f"{path} announces {announced} rows, but has {count}")
    if not count:
        raise _no_header(path)
    missing = np.flatnonzero(values[:, 0] < 0)
    if len(missing):
        raise UserError(f"{path} has no row for {files[missing[0]]}")
    return values, names


def _open(path: Path, opened: TextIO) -> tuple[list[str], int | None, Iterator[Row]]:
    """Names of the attributes, how many rows are announced, and the rows, read as they go."""
    first = opened.readline().strip()
    rows: Iterator[Row]
    if first.isdecimal():
        announced, names = int(first), opened.readline().split()
        rows = ((k, line.split()) for k, line in enumerate(opened, 3) if line.strip())
    else:
        opened.seek(0)
        reader = csv.reader(opened)
        announced, names = None, next((line for line in reader if line), [])[1:]
        rows = ((reader.line_num, line) for line in reader if line)
    names = [name.strip() for name in names]
    if not names:
        raise _no_header(path)
    if "" in names or len(set(names)) < len(names):
        raise UserError(f"{path}: each attribute needs a name of its own in the header")
    if unfit := [name for name in names if "," in name]:
        raise UserError(f"{path}: {unfit[0]!r} has a comma, which separates names of attributes")
    return names, announced, rows


def _fill(
    path: Path, files: Sequence[str], names: list[str], rows: Iterator[Row]
) -> tuple[np.ndarray, int]:
    """Values in the order of `files`, −1 where a row is missing, and how many rows there are."""
    place = {file: i for i, file in enumerate(files)}
    values = np.full((len(files), len(names)), -1, np.int8)
    count = 0
    for number, (file, *cells) in rows:
        if file not in place:  # as `find` writes it, or with blanks around
            file = str(PurePosixPath(file.strip()))
        if file not in place:
            raise UserError(f"{path}, line {number}: there is no image {file}")
        into = values[place[file]]
        if into[0] >= 0:
            raise UserError(f"{path}, line {number}: {file} has a row already")
        found = [VALUES.get(cell.strip()) for cell in cells]
        if len(found) != len(names) or None in found:
            raise UserError(f"{path}, line {number}: {len(names)} values of 0, 1 or -1 are needed")
        into[:] = found
        count += 1
    return values, count


def _no_header(path: Path) -> UserError:
    return UserError(f"{path} needs a header (file, names of attributes) and a row an image")
