"""Memory that is freed and asked for again; how exact products are on a GPU."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import idvae
from idvae.training.distributed import join_processes, own_device, slower_in_bf16

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's malloc")

FRESH = """
import ctypes, resource, sys, torch
from idvae.training.distributed import keep_freed_memory
torch.set_num_threads(1)
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of one size
done = sys.argv[1] == "keep" and keep_freed_memory()
def work():
    parts = [torch.ones(2**23 + 1) for _ in range(2)]  # over 32 MiB: glibc's own limit
for _ in range(20):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(done), pages * resource.getpagesize() / (5 * 2 * 4 * 2**23))
"""


def fresh(how: str, **environment: str) -> tuple[bool, float]:
    """Whether freed memory is kept; of what five rounds write, the share in pages that are new."""
    command = [sys.executable, "-c", FRESH, how]
    environment["PYTHONPATH"] = str(Path(idvae.__file__).parent.parent)
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    done, found = printed.stdout.split()
    return bool(int(done)), float(found)


@glibc
def test_freed_memory_is_used_again_without_new_pages():
    kept, with_it = fresh("keep")
    assert kept
    assert with_it < 0.1
    assert fresh("give back")[1] > 0.9


@glibc
def test_the_environment_has_the_last_word_on_memory():
    assert not fresh("keep", MALLOC_TRIM_THRESHOLD_="1000000")[0]


def test_products_of_a_gpu_are_whole_float32_unless_asked_otherwise():
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    try:
        for precision, short in (("tf32", True), ("32", False), ("bf16", False)):
            join_processes("cpu", precision, threads=0)
            assert [backend.allow_tf32 for backend in backends] == [short, short]
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed


@pytest.mark.skipif(not hasattr(torch.cpu, "get_capabilities"), reason="an older torch")
@pytest.mark.parametrize("has", ["amx_bf16", "avx512_bf16"])
def test_bf16_is_known_to_be_slow_where_nothing_multiplies_it(monkeypatch, has):
    cpu, able = torch.device("cpu"), {"architecture": "x86_64", "avx512_f": True, has: False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert slower_in_bf16(cpu, "bf16")
    assert not slower_in_bf16(cpu, "32")
    assert not slower_in_bf16(torch.device("cuda"), "bf16")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able | {has: True})
    assert not slower_in_bf16(cpu, "bf16")


def test_each_of_several_processes_has_a_gpu_of_its_own(monkeypatch):
    assert own_device("cuda") == "cuda"
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_device("cuda") == "cuda:3"
    assert own_device("cpu") == "cpu"
