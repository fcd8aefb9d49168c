"""YAML that a stranger may have written: plain values only, each key once, and bounded.

Every YAML file is read here: files of options, plans of sweeps, and the config.yaml of runs.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from idvae.errors import UserError
from idvae.io.files import read_bounded

MOST_BYTES = 1 << 20
MOST_VALUES = 50_000  # with everything that stands for an alias counted once more
DEEPEST = 50


class _Loader(yaml.SafeLoader):
    """Maps, lists, text, numbers, truth and null; 1e-3 is a number, 2020-01-01 is text."""


_PLAIN = ("map", "seq", "str", "int", "float", "bool", "null")
_Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in _PLAIN
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith((":timestamp", ":float"))]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# YAML 1.1 wants a dot in a number with an exponent, and a sign before the exponent.
_FLOAT = (
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(*_FLOAT)


class _Dumper(yaml.SafeDumper):
    """Quotes text that the loader would take for a number."""


_Dumper.add_implicit_resolver(*_FLOAT)


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a file.

    Raises:
        UserError: it is no YAML of plain values, holds no mapping, holds a key twice, or is too
            large.
    """
    return parse_mapping(read_bounded(path, MOST_BYTES), path)


def parse_mapping(data: bytes, where: object) -> dict[str, Any]:
    """The same of bytes; `where` is what the message names."""
    try:
        value = _parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{where} cannot be read as YAML: it is no text in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise UserError(
            f"{where} cannot be read as YAML: {line}{str(error.problem)[:200]}"
        ) from error
    except RecursionError as error:
        raise UserError(f"{where} cannot be read as YAML: it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        # What PyYAML's constructors raise where a value is not what its tag says.
        raise UserError(f"{where} cannot be read as YAML: a value in it is malformed") from error
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UserError(f"{where} is no mapping of options")
    return value


def check_keys(values: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    """Raise UserError where a file holds a key that is not known."""
    if unknown := sorted(set(values) - set(known)):
        raise UserError(f"{path}: unknown key {unknown[0]!r}; there are {', '.join(known)}")


def dump(values: Mapping[str, Any]) -> str:
    """A mapping of plain values as YAML, in its order."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _parse(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, {}, 0)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """How many values a node is with its aliases written out; no key may be in a map twice.

    Args:
        node: with all below it.
        sizes: of the nodes that were seen; 0 for those that a node lies in.
        depth: of the node.
    """
    if (known := sizes.get(id(node))) is not None:
        if known == 0:
            raise _refused(node, "an alias of what it lies in")
        return known
    if depth > DEEPEST:
        raise _refused(node, f"nested more than {DEEPEST} deep")
    sizes[id(node)], size = 0, 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            # A merge may come twice: `<<: *a` and `<<: *b`.
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen and not key.tag.endswith(":merge"):
                raise _refused(key, f"the key {key.value[:80]!r} is there twice")
            seen.add(name)
            size += _check(key, sizes, depth + 1) + _check(value, sizes, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_check(value, sizes, depth + 1) for value in node.value)
    if size > MOST_VALUES:
        raise _refused(node, f"more than {MOST_VALUES:,} values")
    sizes[id(node)] = size
    return size


def _refused(node: yaml.Node, why: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, why, node.start_mark)
