"""One process at a time, and the children it leaves count as it."""

import subprocess
import sys

import pytest

from idvae.errors import UserError
from idvae.io.locks import alone, alone_in, is_held


def test_only_one_holds_a_lock(tmp_path):
    with (
        alone(tmp_path / "lock", "never said"),
        pytest.raises(UserError, match="someone else works here"),
        alone(tmp_path / "lock", "someone else works here"),
    ):
        pass
    with alone(tmp_path / "lock", "never said"):
        pass


def test_a_process_that_outlives_its_parent_keeps_the_lock(tmp_path):
    waiting = [sys.executable, "-c", "input()"]
    with alone(tmp_path / "lock", "never said") as lock:
        child = subprocess.Popen(waiting, stdin=subprocess.PIPE, pass_fds=(lock.fileno(),))
    with pytest.raises(UserError, match="still works"), alone(tmp_path / "lock", "still works"):
        pass
    child.communicate(b"\n", timeout=60)
    with alone(tmp_path / "lock", "never said"):
        pass


def test_a_place_that_cannot_be_written_is_not_taken_for_a_busy_one(tmp_path):
    with pytest.raises(FileNotFoundError), alone(tmp_path / "nowhere" / "lock", "never said"):
        pass


def test_a_folder_is_a_lock_that_moves_with_it(tmp_path):
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    with alone_in(folder, "never said"):
        folder.rename(moved)
        folder.mkdir()
        assert (is_held(folder), is_held(moved)) == (False, True)
        with pytest.raises(UserError, match="at work"), alone_in(moved, "at work"):
            pass
    assert not is_held(moved)
    assert not is_held(tmp_path / "nowhere")
