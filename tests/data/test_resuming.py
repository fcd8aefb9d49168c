"""A preparation that was killed goes on where it stopped, and gives the same bytes."""

import os
import signal
import subprocess
import sys

import pytest

from data.celeba_files import make, write
from idvae import data
from idvae.data import celeba, resuming
from idvae.errors import UserError
from idvae.io.locks import alone


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("IDVAE_DATA", str(tmp_path / "sets"))


@pytest.fixture
def faces():
    return make()


@pytest.fixture
def root(tmp_path, faces):
    write(tmp_path / "celeba", faces)
    return tmp_path / "celeba"


KILLED = """
import os, signal, sys
from idvae import data
from idvae.data import celeba, rows
celeba.CHUNK = 4
from idvae.data import resuming
resuming.NOTE_EVERY = 4
append, left = rows.Tables.append, int(sys.argv[2])

def counted(self, batch):
    global left
    append(self, batch)
    left -= 1
    if not left:
        for file in self.files.values():
            file.file.flush()  # so that there is more in the files than was noted
        os.kill(os.getpid(), signal.SIGKILL)

rows.Tables.append = counted
data.prepare("celeba", source=sys.argv[1])
"""


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(celeba, "CHUNK", 4)
    monkeypatch.setattr(resuming, "NOTE_EVERY", 4)


def kill_after(root, batches):
    ran = subprocess.run([sys.executable, "-c", KILLED, str(root), str(batches)])
    assert ran.returncode == -signal.SIGKILL
    assert not (data.root() / "celeba-64").exists()
    return data.root() / ".celeba-64.idvae-part"


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5])
def test_a_killed_preparation_goes_on_and_gives_the_same_bytes(root, small_steps, batches, capsys):
    once = data.prepare("celeba", source=root, set_name="once")
    kill_after(root, batches)
    made = data.prepare("celeba", source=root)
    said = f"continuing celeba-64 after {4 * (batches - 1)} images"
    assert (said in capsys.readouterr().err) == (batches > 1)
    for name in ("images.npy", "attributes.npy"):
        assert (made.path / name).read_bytes() == (once.path / name).read_bytes()
    assert (made.checksum, made.counts) == (once.checksum, once.counts)
    assert sorted(os.listdir(data.root())) == ["celeba-64", "once"]


def test_only_what_is_left_is_decoded(root, small_steps, monkeypatch):
    kill_after(root, 4)
    read, names = celeba.read_face, []
    monkeypatch.setattr(
        celeba, "read_face", lambda *given: [names.append(given[3][-10:]), read(*given)][1]
    )
    data.prepare("celeba", source=root)
    assert sorted(names) == [f"{i:06}.jpg" for i in range(13, 21)]


def damage(folder):
    with (folder / "images.npy").open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")


def shorten(folder):
    os.truncate(folder / "images.npy", 5000)


def lose(folder):
    (folder / "attributes.npy").unlink()


def spoil_note(folder):
    (folder / "note.json").write_text("[]")


@pytest.mark.parametrize("change", [damage, shorten, lose, spoil_note])
def test_rows_that_are_not_what_was_written_are_made_anew(root, small_steps, change, capsys):
    once = data.prepare("celeba", source=root, set_name="once")
    change(kill_after(root, 4))
    made = data.prepare("celeba", source=root)
    assert "continuing" not in capsys.readouterr().err
    assert made.checksum == once.checksum


def test_another_request_does_not_go_on_with_these_rows(root, small_steps, capsys):
    kill_after(root, 4)
    table = root / "list_attr_celeba.txt"
    table.write_text(table.read_text().replace("000001.jpg -1", "000001.jpg  1"))
    made = data.prepare("celeba", source=root)
    assert "continuing" not in capsys.readouterr().err
    assert made.split("train").attributes([0])[0, 0] == 1


def test_an_image_that_is_mended_lets_it_go_on(root, faces, small_steps, capsys):
    once = data.prepare("celeba", source=root, set_name="once")
    path = root / "img_align_celeba" / "000018.jpg"
    path.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"000018\.jpg cannot be read"):
        data.prepare("celeba", source=root)
    path.write_bytes(faces["000018.jpg"][0])
    assert data.prepare("celeba", source=root).checksum == once.checksum
    assert "continuing celeba-64 after 16 images" in capsys.readouterr().err


def test_two_processes_do_not_write_one_set(root, small_steps):
    folder = data.root() / ".celeba-64.idvae-part"
    folder.mkdir(parents=True)
    with (
        alone(folder / "lock", "never said"),
        pytest.raises(UserError, match="is being written by another process"),
    ):
        data.prepare("celeba", source=root)
