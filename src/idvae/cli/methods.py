"""`idvae methods`: what there is to train, and what each does."""

from collections.abc import Sequence

from idvae import methods
from idvae.cli.parser import Parser


def run(argv: Sequence[str]) -> None:
    """Print every method, or one, with its losses, its updates and its options."""
    parser = Parser("methods", "Every method: its losses' equations, its updates, its options.")
    parser.add_argument("name", nargs="?", metavar="METHOD", help="only this one")
    options = parser.parse_args(argv)
    chosen = [options.name] if options.name else methods.names()
    for name in chosen:
        methods.check(name)
    print("\n\n".join(describe(name) for name in chosen))


def describe(name: str) -> str:
    """One method in lines of text."""
    from dataclasses import fields

    from idvae.networks import DataShape, Networks
    from idvae.options import flag_of
    from idvae.training.settings import attribute_texts

    method = methods.get(name)
    nets = Networks(DataShape(0, 2))
    built = method(nets, method.Config())
    lines = [f"{name}: {method.title}", f"  {method.source}", "  updates of one step, in order:"]
    for group, networks in built.groups.items():
        times = built.repeats.get(group, 1)
        often = f" ×{times}" if times > 1 else ""
        lines.append(f"    {group}{often}  moves {', '.join(networks)}")
        lines.append(f"      L_{group} = {method.equations[group]}")
    lines.append("  options:" if fields(method.Config) else "  no options of its own")
    texts = attribute_texts(method.Config)
    for field in fields(method.Config):
        default = field.default_factory() if callable(field.default_factory) else field.default
        lines.append(f"    {flag_of(field.name)} {default}  {texts[field.name]}")
    return "\n".join(lines)
