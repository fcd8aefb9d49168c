"""A short form of benchmarks/fuzz.py: hostile bytes are taken or refused in one line."""

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest


def _load(name):
    path = Path(__file__).parent.parent / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


fuzz = _load("fuzz")


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_hostile_bytes_are_taken_or_refused_in_a_line(name):
    result = fuzz.fuzz(fuzz.TARGETS[name], seed=0, executions=150)
    assert not result.findings, list(result.findings)
    assert result.accepted
    assert result.refused


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_what_mutations_start_from_is_taken(name):
    target = fuzz.TARGETS[name]
    assert [fuzz.attempt(target, data) for data in target.valid()] == [("accepted", "")] * len(
        target.valid()
    )


def test_what_is_no_user_error_is_a_finding():
    def read(data):
        if b"\xff" in data:
            raise ValueError("no one has thought of this")
        if b"\x1b" in data:
            warnings.warn("not even this", stacklevel=2)

    result = fuzz.fuzz(fuzz.Target(read, lambda: [bytes(20)]), seed=0, executions=300)
    assert len(result.findings) == 2
    for data, said in result.findings.values():
        assert fuzz.attempt(fuzz.Target(read, list), data) == ("finding", said)
