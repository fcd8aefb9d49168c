"""Files and folders that appear whole or not at all: write beside, then rename.

What is new is flushed to disk under a hidden name before it gets its own, and what it replaces goes
last: a kill or a loss of power at any moment leaves the one or the other, whole. A temporary is
locked as long as its maker lives; the next call for the same place removes those that no one holds.
"""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from idvae.errors import UserError, exists_already

_MARK = ".idvae-"  # between a name and what makes its temporary's unique: no name of a user has it
_OLD, _REMOVED = f"{_MARK}old-", f"{_MARK}removed-"  # of what is being replaced, or removed
_UNIQUE = "[a-z0-9_]{8}"  # tempfile's
_LEFT_OVER = re.compile(rf"\..*{re.escape(_MARK)}(old-|removed-)?{_UNIQUE}(\.[^.]*)?")


@contextmanager
def atomic_file(
    path: str | os.PathLike[str],
    overwrite: bool = True,
    check: Callable[[], object] = lambda: None,
) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    On any exception the temporary file is removed and `path` is left as it was.

    Args:
        path: the file to make.
        overwrite: replace a file that is there, or came to be there meanwhile.
        check: called right before that; what it raises leaves the file alone.

    Raises:
        UserError: `path` came to exist meanwhile, and `overwrite` is false.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: image and array writers choose their format by it.
    temporary, held = _temporary(path.parent, f".{path.stem}{_MARK}", path.suffix, tempfile.mkstemp)
    try:
        yield temporary
        _flush(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner can read
        check()
        if overwrite:
            temporary.replace(path)
        else:
            _name_anew(temporary, path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str],
    overwrite: bool = False,
    check: Callable[[], object] = lambda: None,
) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it to `path`.

    On any exception the temporary folder is removed and `path` is left as it was. Where `path` is
    a symbolic link, the folder that it names is replaced.

    Args:
        path: the folder to make.
        overwrite: replace a folder that is there.
        check: called right before one is replaced; what it raises leaves that one alone.

    Raises:
        UserError: `path` exists already, or came to exist meanwhile, and `overwrite` is false.
    """
    path = Path(path)
    if os.path.lexists(path) and not overwrite:
        raise exists_already(path)
    place = Path(os.path.realpath(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary, held = _temporary(place.parent, f".{place.name}{_MARK}", "", tempfile.mkdtemp)
    try:
        yield temporary
        for inside in temporary.rglob("*"):
            if inside.is_dir():
                _flush_folder(inside)
            elif inside.is_file():
                _flush(inside)
                inside.chmod(0o666 & ~_umask())  # safetensors makes files as mkstemp does
        temporary.chmod(0o777 & ~_umask())
        _flush_folder(temporary)
        if overwrite and place.exists():
            check()
            _swap(temporary, place)
        else:
            try:
                temporary.rename(place)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise exists_already(path) from error
                raise
        _flush_folder(place.parent)
    finally:
        _remove(temporary)
        os.close(held)


def _name_anew(temporary: Path, path: Path) -> None:
    """Give a file a name that nothing has."""
    try:
        os.link(temporary, path)  # unlike a rename it fails where the name is taken
    except FileExistsError as error:
        raise exists_already(path) from error
    except OSError as error:  # a file system without a second name for a file
        if os.path.lexists(path):
            raise exists_already(path) from error
        temporary.replace(path)


def _temporary(
    parent: Path, prefix: str, suffix: str, make: Callable[..., Any]
) -> tuple[Path, int]:
    """A new temporary and the handle that locks it, once those of killed calls are gone."""
    if not parent.name.startswith("."):  # within a temporary nothing is older than itself
        _clear(parent, prefix, suffix)
    while True:
        made = make(prefix=prefix, suffix=suffix, dir=parent)
        if isinstance(made, tuple):  # mkstemp opens what it makes
            os.close(made[0])
            made = made[1]
        with suppress(FileNotFoundError):  # another call cleared it before it was locked
            held = os.open(made, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks, as some behind a network
                fcntl.flock(held, fcntl.LOCK_EX)
            if os.path.lexists(made):
                return Path(made), held
            os.close(held)


def clear_rests(folder: Path, names: Iterable[str]) -> None:
    """Remove what killed calls left half-written of these files and folders of a folder."""
    for name in names:
        path = folder / name
        for prefix, suffix in {(f".{path.stem}{_MARK}", path.suffix), (f".{name}{_MARK}", "")}:
            _clear(folder, prefix, suffix)


def is_left_over(name: str) -> bool:
    """Whether a name is one that only a killed call leaves behind: of a temporary."""
    return _LEFT_OVER.fullmatch(name) is not None


def _clear(parent: Path, prefix: str, suffix: str) -> None:
    """Remove the temporaries of a place that no process holds."""
    form = re.compile(re.escape(prefix) + _UNIQUE + re.escape(suffix))
    for rest in [entry for entry in parent.iterdir() if form.fullmatch(entry.name)]:
        clear_left_over(rest)


def clear_left_over(rest: Path) -> bool:
    """Remove a temporary, unless a process holds it.

    Returns:
        whether it was removed.
    """
    with suppress(OSError):  # held, gone meanwhile, or not ours to remove
        handle = os.open(rest, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(rest)
            return True
        finally:
            os.close(handle)
    return False


def _swap(new: Path, path: Path) -> None:
    """Put `new` in the place of `path`, which is removed; whatever fails, one of them is there.

    Only a kill between two renames, on a system that cannot exchange names, leaves neither:
    `recover` puts the old one back.
    """
    if _exchange(new, path):
        _flush_folder(path.parent)
        return  # what was there bears the temporary name now
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}{_OLD}", dir=path.parent))
    old = aside / path.name
    try:
        path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            old.rename(path)
            raise
    except BaseException:
        with suppress(OSError):
            aside.rmdir()  # only if it is empty: if it is not, it holds the only copy
        raise
    _flush_folder(path.parent)
    _remove(aside)


def _exchange(a: Path, b: Path) -> bool:
    """Let two names change places in one step, where the system can: Linux."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return renameat2(here, os.fsencode(a), here, os.fsencode(b), exchange) == 0


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def recover(folder: Path) -> None:
    """Put back the folders of `folder` that a kill in the middle of their replacement hid."""
    for old in folder.glob(f".*{_OLD}*/*"):
        path = folder / old.name
        if old.parent.name.startswith(f".{old.name}{_OLD}") and not path.exists():
            old.rename(path)


def remove_folder(path: Path) -> None:
    """Remove a folder that disappears at once: a kill on the way leaves a hidden rest of it."""
    rest = Path(tempfile.mkdtemp(prefix=f".{path.name}{_REMOVED}", dir=path.parent))
    with suppress(OSError):  # another process may have removed it
        path.rename(rest / path.name)
    shutil.rmtree(rest, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Flush the names in a folder, where its file system can."""
    try:
        _flush(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file that a stranger may have made.

    Raises:
        UserError: it is no file (a pipe would never end), or larger than `most` bytes.
        FileNotFoundError: nothing is there.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file")
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UserError(f"{path} is larger than {most:,} bytes, which none of its kind is")
    return data


def is_plain_name(value: object) -> bool:
    """Whether it can name a thing in a folder, and nothing outside of it."""
    return (
        isinstance(value, str)
        and value.isprintable()
        and 0 < len(os.fsencode(value)) <= 200  # 55 are left for what is put around it
        and not value.startswith(".")
        and not set(value) & set("/\\")
    )
