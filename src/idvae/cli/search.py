"""`idvae search`: the same number of trials for every method, from one YAML file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from idvae.cli.launching import add_launcher, launcher_of
from idvae.cli.parser import Parser
from idvae.cli.sweep import check_scoring, plan_file, tell, warn_of_others
from idvae.errors import ERROR, INTERRUPTED


def run(argv: Sequence[str]) -> int:
    """Make every trial that is not there; 1 where a method has none that is done, 130 where it
    was interrupted."""
    parser = Parser(
        "search",
        "Try options of several methods, the same number of trials for each, and score them "
        "against the validation split. What is finished is left alone, what was begun goes on. "
        "Writes search.json, search.md and best/METHOD.yaml (for --config) into DIR.",
    )
    parser.add_argument(
        "plan",
        metavar="FILE.yaml",
        help="methods (each with choices and ranges of options), trials, data, objective, "
        "search_seed; budget, seeds, config, options, evaluate as in a sweep",
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="a folder for all of it")
    add_launcher(parser)
    options = parser.parse_args(argv)
    file = plan_file(options.plan)

    from idvae.report.search import best, results, write
    from idvae.sweep.search import Search, trials

    search, out = Search.read(file), Path(options.out)
    launcher = launcher_of(options)
    found = trials(search, out)
    jobs = [job for trial in found for job in trial.jobs]
    check_scoring(jobs)
    warn_of_others(jobs)
    write(search, found, results(search, found, out), out)  # also where another one works there
    failed, undone = launcher.launch(jobs, out, tell)
    told = results(search, found, out, failed)
    write(search, found, told, out)
    winners = {method: best(search, told, method) for method in search.spaces}
    for method, winner in winners.items():
        if winner is not None:
            score = f"{search.metric} {winner.score:.4g} by {search.expert}"
            print(f"{method}: the best is trial {winner.trial}, {score}")
    print(f"wrote {out / 'search.md'}")
    if undone:
        print(f"stopped, {len(undone)} runs are not finished; the same command goes on")
        return INTERRUPTED
    if failed:
        print(f"{len(failed)} runs failed and count as the worst; see the .log beside each")
    if lost := [method for method, winner in winners.items() if winner is None]:
        print(f"{ERROR}no trial of {', '.join(lost)} was finished", file=sys.stderr)
    return 1 if lost else 0
