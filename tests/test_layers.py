"""Imports go one way, as docs/architecture.md says: from a room's own floor to those above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "idvae"

ARCHITECTURE = SOURCE.parent.parent / "docs" / "architecture.md"


def floors():
    """Room → floor, as docs/architecture.md has them; the command line's door is below all."""
    table = ARCHITECTURE.read_text(encoding="utf-8").split("floor  rooms\n")[1].split("```")[0]
    rows = [line.split() for line in table.strip().splitlines()]
    return {room: int(floor) for floor, *rooms in rows for room in rooms} | {"__main__": 99}


LAYERS = floors()

FILES = [p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py"]


def imports(path):
    """Modules of idvae that a file imports, also inside functions, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("idvae.")}


def top(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path):
    own = LAYERS[top(path)]
    for name in imports(path):
        other = name.split(".")[1]
        if other == "__version__":
            continue
        allowed = other == top(path) or LAYERS[other] < own
        assert allowed, f"{path.name} (floor {own}) imports {name}"


def test_every_room_is_in_the_drawing():
    rooms = {top(p) for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__"} == set(LAYERS)


@pytest.mark.parametrize("path", sorted((SOURCE / "methods").glob("*.py")), ids=lambda p: p.name)
def test_no_method_imports_another(path):
    if path.name == "__init__.py":
        return
    for name in imports(path):
        if name.startswith("idvae.methods."):
            # A base that they share is no method.
            bases = ("batch.", "method.", "adversarial.")
            assert name.startswith(tuple(f"idvae.methods.{base}" for base in bases))


def test_the_loop_and_the_evaluation_name_no_method():
    from idvae import methods

    for path in [SOURCE / "training" / "loop.py", *(SOURCE / "evaluate").rglob("*.py")]:
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        }
        # "idvae" is also the name of the package, which a cache folder may bear.
        assert not words & (set(methods.names()) - {"idvae"})
    for path in (SOURCE / "evaluate").rglob("*.py"):
        assert not any(name.startswith("idvae.methods") for name in imports(path))


@pytest.mark.parametrize(
    "module",
    [
        "idvae",
        "idvae.cli",
        "idvae.data",
        "idvae.training.run",
        "idvae.methods",
        "idvae.report.page.papers",
    ],
)
def test_these_import_without_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((SOURCE / "report").rglob("*.py")), ids=lambda p: p.name)
def test_reports_are_made_without_torch(path):
    text = path.read_text(encoding="utf-8")
    assert "import torch" not in text
    assert "from torch" not in text
