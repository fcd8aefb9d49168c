"""What a command may replace: what idvae made itself, and never anything that the command reads.

One rule for every --out and --overwrite. A folder is replaced only if it bears the mark of its
kind, holds nothing beyond what that kind holds, and neither is, holds, nor lies within an input
of the command. A file is replaced only if it is no input, nor lies among inputs.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from idvae.errors import UserError, exists_already
from idvae.io.files import atomic_file, atomic_folder, is_left_over


@dataclass(frozen=True)
class Kind:
    """What tells a folder that idvae made from all others.

    Attributes:
        title: what it is called, with its article.
        mark: a file that each of them holds; None where `made` tells enough.
        names: patterns of all that lies directly in one; and of what lies in a folder of it, as
            FOLDER/PATTERN, where that is to be looked at.
        made: whether a folder that has these was made by idvae.
    """

    title: str
    mark: str | None
    names: tuple[str, ...]
    made: Callable[[Path], bool] = lambda folder: True

    def check(self, folder: Path) -> None:
        """Refuse what is no folder of this kind, or holds anything else.

        Raises:
            UserError: naming what does not belong there.
        """
        alone = "so --overwrite leaves it alone"
        if not folder.is_dir() or (self.mark and not (folder / self.mark).is_file()):
            raise UserError(f"{folder} is not {self.title}, {alone}")
        for entry in self._strangers(folder):
            raise UserError(
                f"{folder} holds {entry}, which is no part of {self.title}, {alone}; move "
                f"{entry} away, or choose another place"
            )
        if not self.made(folder):
            raise UserError(f"{folder} is not {self.title} that idvae made, {alone}")

    def _strangers(self, folder: Path, within: str = "") -> Iterator[str]:
        """What is there and is no part of such a folder, by its path in it."""
        for entry in sorted(os.listdir(folder / within)):
            path = within + entry
            inner = f"{path}/"
            if is_left_over(entry):
                continue
            if not any(fnmatchcase(path, n) for n in self.names if n.count("/") == path.count("/")):
                yield path
            elif (folder / path).is_dir() and any(name.startswith(inner) for name in self.names):
                yield from self._strangers(folder, inner)


def nothing_of_ours(file: Path) -> bool:
    """Of files that cannot be told from anyone else's."""
    return False


@dataclass(frozen=True)
class Destination:
    """A place that a command writes to.

    Attributes:
        path: the folder or file.
        overwrite: whether what is there may be replaced at all.
        kind: of the folder; None for a file.
        inputs: files and folders that the command reads; those that do not exist do not count.
        ours: whether a file that lies within an input was surely made by this command before, so
            that it may be replaced in there.
    """

    path: Path
    overwrite: bool = False
    kind: Kind | None = None
    inputs: tuple[Path, ...] = ()
    ours: Callable[[Path], bool] = nothing_of_ours

    def check(self) -> None:
        """Refuse to write there; call it before any work is done for it.

        Raises:
            UserError: something is there that is not to be replaced.
        """
        if not os.path.lexists(self.path):
            return
        if self.kind is None and self.path.is_dir():
            raise UserError(f"{self.path} is a folder; name a file in it")
        if not self.overwrite:
            raise exists_already(self.path, "choose another --out")
        self._check_apart()
        if self.kind is not None:
            self.kind.check(self.path)

    @contextmanager
    def file(self) -> Iterator[Path]:
        """As `atomic_file`, once `check` has passed, and again before the file gets its name."""
        self.check()
        with atomic_file(self.path, self.overwrite, self.check) as temporary:
            yield temporary

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """As `atomic_folder`, once `check` has passed, and again before anything is replaced."""
        self.check()
        with atomic_folder(self.path, self.overwrite, self.check) as temporary:
            yield temporary

    def _check_apart(self) -> None:
        own = _real(self.path)
        for given in self.inputs:
            for place in _places(given):
                if _within(place, own):
                    how = "is" if _within(own, place) else "holds"
                elif _within(own, place) and not (self.kind is None and self.ours(self.path)):
                    how = "lies within"
                else:
                    continue
                raise UserError(
                    f"{self.path} {how} {given}, which this command reads, so --overwrite leaves "
                    "it alone; choose another place"
                )


def lies_within(path: Path, place: Path) -> bool:
    """Whether a path, which need not be there, is a place or lies in it, by whatever names."""
    return _within(_real(path), _real(place))


def whole(place: str | os.PathLike[str] | Destination) -> AbstractContextManager[Path]:
    """`atomic_file` of a path, which replaces what is there, or the `file` of a destination."""
    return place.file() if isinstance(place, Destination) else atomic_file(place)


def _places(given: Path) -> Iterator[Path]:
    """Where an input really lies, and what the links in it name."""
    if not given.exists():
        return
    yield _real(given)
    if given.is_dir():
        yield from (_real(place) for place in given.rglob("*") if place.is_symlink())


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _within(inner: Path, outer: Path) -> bool:
    return any(_same(place, outer) for place in (inner, *inner.parents))


def _same(a: Path, b: Path) -> bool:
    try:  # the same place can have two names: by its letters' case, or by a mount
        return a == b or os.path.samefile(a, b)
    except OSError:
        return False
