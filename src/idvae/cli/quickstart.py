"""`make quickstart`: cartoon faces, IDVAE+ on a CPU, and pictures to look at.

It calls the commands that a user would type, and prints them.
"""

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from idvae.cli import main as idvae
from idvae.errors import ERROR

DATA = "quickstart-faces"  # a name of its own: it meets no set of the user's


def commands(out: Path) -> list[list[str]]:
    """The commands, in order; `out` holds the run and the pictures."""
    run = str(out / "run")
    flags = ["--width", "16", "--batch-size", "32", "--steps", "2800"]
    return [
        ["data", "prepare", "avatars", "--size", "32", "--n", "10000", "--name", DATA],
        ["train", "idvae-plus", "--data", DATA, "--out", run, *flags, "--grid-every", "700"],
        ["sample", run, "-n", "64", "--out", str(out / "samples.png")],
        ["reconstruct", run, "-n", "32", "--out", str(out / "reconstructions.png")],
        ["interpolate", run, "-n", "16", "--out", str(out / "interpolations.png")],
    ]


def main(argv: Sequence[str]) -> int:
    """Run everything into the folder argv[0]; stop at the first command that fails."""
    out = Path(argv[0] if argv else "quickstart")
    if out.exists():
        print(f"{ERROR}{out} exists already; remove it, or make quickstart OUT=elsewhere",
              file=sys.stderr)  # fmt: skip
        return 2
    began = time.monotonic()
    for command in commands(out):
        print(f"\n$ idvae {shlex.join(command)}", flush=True)
        status = idvae(command)
        if status:
            return status
        if command[0] == "train" and not (out / "run" / "checkpoints").is_dir():
            return 1
    print(
        f"""
Done in {time.monotonic() - began:.0f} s. Look at these:
  {out}/samples.png          faces that no one drew: decoded random codes. Hair, glasses, clothes
  {" " * len(str(out))}                      should be clear; two minutes leave some edges soft.
  {out}/reconstructions.png  odd rows: faces that were not trained on; below each, Dec(Enc(x)).
  {out}/interpolations.png   each row walks from one face (left) to another (right).
  {out}/run/curves.png       losses: recons falls; Dis(x) and Dis(x') stay off 0 and 1.
Next: idvae train idvae-plus --data fashion-mnist, or idvae --help."""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
