"""Files and folders appear whole or not at all."""

import os

import pytest

from idvae.errors import UserError
from idvae.files import atomic_file, atomic_folder


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
