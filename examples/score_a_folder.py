"""Score the images of any generator, in a folder, against a folder of real ones.

python examples/score_a_folder.py fakes/ real/ -n 2000
"""

import argparse

from idvae.evaluate.battery import evaluate

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fakes")
    parser.add_argument("real")
    parser.add_argument("--experts", nargs="+", default=["lite0", "lite1", "lite2"])
    parser.add_argument("-n", type=int, help="images a sample set; all if not given")
    parser.add_argument("--held-out", help="other real images: what a perfect generator reaches")
    options = parser.parse_args()

    scores = evaluate(
        options.fakes,
        options.real,
        experts=options.experts,
        metrics=["fd", "precision", "recall"],
        n=options.n,
        repeats=1,
        true_data=options.held_out or False,
    )
    for name, row in (("real", scores.true_data), (scores.name, scores.row)):
        for expert, metrics in row.items():
            print(
                name, expert, *(f"{metric} {value.mean:.4g}" for metric, value in metrics.items())
            )
    for warning in scores.warnings:  # few images, say: read them before the numbers
        print("warning:", warning)
