"""Imports go one way, as the design says: a module imports only from layers above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "idvae"

# Lower numbers know nothing of higher ones. Modules of one layer may use each other, except
# that no method uses another method.
LAYERS = {
    "errors": 0, "files": 0, "losses": 0, "networks": 0, "data": 0, "runs": 0, "checkpoints": 0,
    "batches": 0, "seeds": 0, "conditions": 0, "devices": 0, "graphs": 0, "inputs": 0, "means": 0,
    "signals": 0, "pictures": 0, "progress": 0, "destination": 0, "arrays": 0,
    "option_types": 0, "strict_yaml": 0, "run_config": 0, "memory": 0,
    "methods": 1, "evaluate": 1,
    "settings": 2, "cost": 2, "grids": 2, "loop": 2, "report": 2, "recipes": 2,
    "model": 3, "api": 3, "bench": 3, "sweep": 3,
    "cli": 4, "demo": 4, "quickstart": 4, "__main__": 4,
}  # fmt: skip

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
        assert LAYERS[other] <= own, f"{path.name} (layer {own}) imports {name}"


@pytest.mark.parametrize("path", sorted((SOURCE / "methods").glob("*.py")), ids=lambda p: p.name)
def test_no_method_imports_another(path):
    if path.name == "__init__.py":
        return
    for name in imports(path):
        if name.startswith("idvae.methods."):
            assert name.startswith("idvae.methods.method")


def test_the_loop_and_the_evaluation_name_no_method():
    from idvae import methods

    for path in [SOURCE / "loop.py", *(SOURCE / "evaluate").rglob("*.py")]:
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
    "module", ["idvae", "idvae.cli", "idvae.data", "idvae.training.run", "idvae.methods"]
)
def test_these_import_without_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((SOURCE / "report").glob("*.py")), ids=lambda p: p.name)
def test_reports_are_made_without_torch(path):
    text = path.read_text(encoding="utf-8")
    assert "import torch" not in text
    assert "from torch" not in text
