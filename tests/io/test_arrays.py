"""Arrays of foreign files: the wanted one alone, its header first, and never a pickle."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from idvae.errors import UserError
from idvae.evaluate.metrics.statistics import Statistics
from idvae.evaluate.sources.images import open_images
from idvae.io import arrays
from idvae.io.arrays import ArrayFile

DTYPES = st.one_of(
    some.integer_dtypes(endianness="?"),
    some.unsigned_integer_dtypes(endianness="?"),
    some.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    some.boolean_dtypes(),
)
ARRAYS = DTYPES.flatmap(lambda dtype: some.arrays(dtype, some.array_shapes(min_dims=0, min_side=0)))


@given(ARRAYS, st.booleans(), st.sampled_from(["npy", "npz", "packed"]))
@settings(max_examples=150, deadline=None)
def test_what_numpy_writes_is_read_back(tmp_path_factory, array, by_columns, kind):
    path = tmp_path_factory.getbasetemp() / f"a.{kind}"
    array = np.asfortranarray(array) if by_columns else array
    save = {"npy": np.save, "npz": np.savez, "packed": np.savez_compressed}[kind]
    with path.open("wb") as file:
        save(file, array)
    opened = ArrayFile(path)
    (name,) = opened.names
    found = opened.read(name)
    assert found.dtype == array.dtype
    assert opened.header(name)[:2] == (array.shape, array.dtype)
    np.testing.assert_array_equal(found, array)
    path.unlink()


def bomb(path, claimed, name="images.npy", **others):
    """An .npz whose array of zeros claims a shape; the bytes are there, packed a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w") as member:
            shape = {"descr": "|u1", "fortran_order": False, "shape": claimed}
            np.lib.format.write_array_header_1_0(member, shape)
            for _ in range(int(np.prod(claimed)) >> 20):
                member.write(bytes(1 << 20))
        for other, array in others.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{other}.npy", content.getvalue())


def test_a_bomb_is_told_before_memory_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 1 << 24)
    bomb(tmp_path / "a.npz", (64, 1024, 1024, 1))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"images unpacks to 67,108,864 bytes.*save it as \.npy"):
        open_images(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def test_only_the_wanted_array_is_unpacked(tmp_path):
    """Every array used to be, the bombs beside it too."""
    bomb(tmp_path / "a.npz", (64, 1024, 1024, 1), "other.npy", images=np.zeros((2, 8, 8, 3), "u1"))
    tracemalloc.start()
    assert open_images(tmp_path / "a.npz").count == 2
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


@pytest.mark.parametrize("there", [0, 1])
def test_a_claim_that_the_bytes_do_not_bear_out_is_told(tmp_path, there):
    header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 8, 8, 3)}
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, header)
    content.write(bytes(there))
    (tmp_path / "a.npy").write_bytes(content.getvalue())
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content.getvalue())
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UserError, match=rf"{name} cannot be read as arrays \(.* claims"):
            open_images(tmp_path / name)


class Evil:
    def __reduce__(self):
        import pathlib

        return pathlib.Path.touch, (pathlib.Path("evil"),)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_no_pickle_is_loaded(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    save = np.save if name == "a.npy" else np.savez
    save(name, np.array([Evil()], object), allow_pickle=True)
    with pytest.raises(UserError, match="it holds object, not numbers"):
        open_images(tmp_path / name)
    assert not (tmp_path / "evil").exists()


def test_statistics_that_cannot_be_are_told(tmp_path):
    mu, sigma = np.zeros(3), np.eye(3)
    for changed, words in (
        ({"sigma": np.eye(4)}, r"sigma \(4, 4\) does not have the shape \(3, 3\)"),
        ({"mu": np.zeros((3, 1))}, "is no mean"),
        ({"n": np.array(-4)}, "n -4 is no number"),
        ({"n": np.array([4])}, "n .* shape"),
        ({"factor": np.full((3, 3), np.nan)}, "factor holds values"),
        ({"n": np.array(2), "rows": np.full((2, 3), np.inf)}, "rows holds values"),
    ):
        np.savez(tmp_path / "a.npz", **{"mu": mu, "sigma": sigma, **changed})
        with pytest.raises(UserError, match=words):
            Statistics.load(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", mu=mu, sigma=sigma)
    assert Statistics.load(tmp_path / "a.npz").n == 0
    bomb(tmp_path / "wide.npz", (9000,), "mu.npy", sigma=sigma)
    with pytest.raises(UserError, match="is no mean of 1 to 8,192"):
        Statistics.load(tmp_path / "wide.npz")
