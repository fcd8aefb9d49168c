"""Files and folders appear whole or not at all."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from idvae.errors import UserError
from idvae.io import files
from idvae.io.files import atomic_file, atomic_folder


def test_a_file_replaces_the_old_one_only_when_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way():
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    with atomic_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_files_are_readable_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        with atomic_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(old)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_files_of_a_folder_are_too_whoever_made_them(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_folder(tmp_path / "run") as folder:
            save_file({"w": torch.zeros(2)}, folder / "w.safetensors")
    finally:
        os.umask(old)
    assert (tmp_path / "run" / "w.safetensors").stat().st_mode & 0o777 == 0o640


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "set"

    def fail_half_way():
        with atomic_folder(path) as temporary:
            (temporary / "a").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert os.listdir(tmp_path) == []
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("x")
        assert not path.exists()
    assert (path / "a").read_text() == "x"


def test_a_folder_is_never_replaced_unasked(tmp_path):
    path = tmp_path / "set"
    path.mkdir()
    (path / "mine").write_text("x")
    with pytest.raises(UserError, match="exists already"), atomic_folder(path):
        pass
    assert (path / "mine").read_text() == "x"
    with atomic_folder(path, overwrite=True) as temporary:
        (temporary / "new").write_text("y")
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["set"]


@pytest.mark.parametrize("exchange", [True, False])
def test_whatever_fails_while_a_folder_is_replaced_the_old_one_stays(
    tmp_path, monkeypatch, exchange
):
    path = tmp_path / "set"
    path.mkdir()
    (path / "old").touch()
    renamed, renames = Path.rename, []
    if not exchange:  # as on systems that cannot
        monkeypatch.setattr("idvae.io.files._exchange", lambda a, b: False)

    def rename(self, to):
        renames.append(self)
        if len(renames) == 2:
            raise OSError(errno.EIO, "the disk is gone for a moment")
        return renamed(self, to)

    monkeypatch.setattr(Path, "rename", rename)

    def replace():
        with atomic_folder(path, overwrite=True) as temporary:
            (temporary / "new").touch()

    if exchange and sys.platform == "linux":
        replace()
        assert os.listdir(path) == ["new"]
        assert not renames  # there is no moment without the folder
    elif not exchange:
        with pytest.raises(OSError, match="for a moment"):
            replace()
        assert os.listdir(path) == ["old"]
        replace()
        assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["set"]


def test_a_folder_that_comes_to_exist_meanwhile_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "set"

    def replace():
        with atomic_folder(path) as temporary:
            (temporary / "mine").touch()
            path.mkdir()
            (path / "another's").touch()

    with pytest.raises(UserError, match="exists already"):
        replace()
    assert os.listdir(path) == ["another's"]
    assert os.listdir(tmp_path) == ["set"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "disk" / "set").mkdir(parents=True)
    (tmp_path / "set").symlink_to("disk/set")
    with atomic_folder(tmp_path / "set", overwrite=True) as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "set").is_symlink()
    assert os.listdir(tmp_path / "disk" / "set") == ["new"]


@pytest.mark.parametrize("exchange", [True, False])
def test_the_old_goes_after_the_new_was_flushed_into_its_place(exchange, tmp_path, monkeypatch):
    """Files, then the folders that name them; the parent after the renames, before the removal."""
    done = []

    def noted(name, function):
        def call(*arguments, **options):
            place = arguments[0]
            if isinstance(place, int):
                place = os.readlink(f"/proc/self/fd/{place}")
            done.append((name, os.path.basename(place)))
            return function(*arguments, **options)

        return call

    path = tmp_path / "set"
    path.mkdir()
    (path / "a").write_text("old")
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda a, b: False)
    elif not files._exchange(path, path):
        pytest.skip("two names cannot be exchanged here")
    monkeypatch.setattr(files, "_exchange", noted("exchange", files._exchange))
    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "rename", noted("rename", os.rename))
    monkeypatch.setattr(shutil, "rmtree", noted("remove", shutil.rmtree))
    with atomic_folder(path, overwrite=True) as temporary:
        (temporary / "a").write_text("new")
    flushed = [("fsync", "a"), ("fsync", temporary.name), ("exchange", temporary.name)]
    assert done[:3] == flushed
    renames = [("rename", "set"), ("rename", temporary.name)] if not exchange else []
    after = done[3:]
    assert after[: len(renames)] == renames
    assert after[len(renames)] == ("fsync", tmp_path.name)
    assert {name for name, _ in after[len(renames) :]} == {"fsync", "remove"}
    assert os.listdir(tmp_path) == ["set"]


def test_a_folder_that_a_kill_hid_comes_back(tmp_path):
    """Killed between the two renames of a system that cannot exchange names."""
    hidden = tmp_path / ".set.idvae-old-x1y2z3_4" / "set"
    hidden.mkdir(parents=True)
    (hidden / "mine").write_text("x")
    files.recover(tmp_path)
    assert (tmp_path / "set" / "mine").read_text() == "x"
    hidden.mkdir(parents=True)  # killed after them: the new one is in its place
    files.recover(tmp_path)
    assert (tmp_path / "set" / "mine").read_text() == "x"


KILLED = """
import os, signal, sys
from idvae.io.files import atomic_file, atomic_folder
with atomic_folder(sys.argv[1] + "/set") as folder, atomic_file(sys.argv[1] + "/a.json") as file:
    (folder / "half").write_text("half")
    print("there", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def hidden(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


def write_both(folder):
    with atomic_folder(folder / "set", overwrite=True) as made, atomic_file(folder / "a.json"):
        (made / "whole").touch()


def test_what_a_killed_call_left_is_removed_by_the_next(tmp_path):
    mine = [".a-20240101.json", ".set-20240101", ".set-of-mine", ".set.idvae-2024"]  # a user's
    for name in mine:
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "die"], check=False)
    rests = [name for name in hidden(tmp_path) if files.is_left_over(name)]
    assert len(rests) == 2
    assert sorted([*mine, *rests]) == hidden(tmp_path)
    write_both(tmp_path)
    assert hidden(tmp_path) == mine


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced_unasked(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "a.txt"
    with atomic_file(path, overwrite=False) as temporary:
        temporary.write_text("first")

    def late():
        with atomic_file(tmp_path / "b" / "a.txt", overwrite=False):
            (tmp_path / "b" / "a.txt").write_text("of another")

    with pytest.raises(UserError, match=r"a\.txt exists already"):
        late()
    assert path.read_text() == "first"
    assert (tmp_path / "b" / "a.txt").read_text() == "of another"
    assert os.listdir(tmp_path / "b") == ["a.txt"]


def refused(*names):
    raise OSError(errno.EPERM, "no second names here")


def test_what_a_living_call_holds_is_left_alone(tmp_path):
    command = [sys.executable, "-c", KILLED, tmp_path, "live"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as other:
        assert other.stdout.readline() == "there\n"
        held = hidden(tmp_path)
        assert len(held) == 2
        write_both(tmp_path)
        assert hidden(tmp_path) == held
        _, error = other.communicate()
    assert "exists already" in error  # the set of the other call came first
    assert hidden(tmp_path) == []
