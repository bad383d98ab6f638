"""By how much do the claims of the pages hold? Run: python tests/tools/margins.py [NN ...] [--dataset D] [--seeds 0-9]

A claim is a comparison in an assertion; its margin is what is left of it: 0.9 * b - a, if a < 0.9 * b is claimed. Each
page runs with each seed, in its own setting and in a process of its own; an assertion that fails is noted, and the page
goes on. Printed are the claims that failed, and those whose mean margin is less than three standard deviations over the
seeds: what another seed may break. With `--all`, all are printed. Every run leaves a file in `--out` and is not done
again until the page, the library or a version changes. Ten seeds of a page take about ten minutes on one core.
"""

import argparse
import ast
import json
import math
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from course_utils.command.ingredients import ingredients
from course_utils.support import notebooks
from course_utils.support.files import ROOT, write_json

TIGHT = 3.0  # standard deviations
LESS, MORE = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)


class Noted(ast.NodeTransformer):
    """Assertions become notes: of their comparisons with < and > how much is left, and of each whether it holds."""

    def visit_Assert(self, node):
        test = ast.Constant(ast.unparse(node.test))
        return ast.Expr(ast.Call(ast.Name("_noted", ast.Load()), [test, _measured(node.test)], []))


def _measured(node):
    """A test whose comparisons note their margins: all that have to hold, but for what is one of several ways out."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return ast.BoolOp(node.op, [_measured(value) for value in node.values])
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "all" and isinstance(node.args[0], ast.GeneratorExp):
        (each,) = node.args
        return ast.Call(node.func, [ast.GeneratorExp(_measured(each.elt), each.generators)], [])
    if not isinstance(node, ast.Compare) or not all(isinstance(op, (*LESS, *MORE)) for op in node.ops):
        return node
    sides, parts = [node.left, *node.comparators], []
    for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
        low, high = (left, right) if isinstance(op, LESS) else (right, left)
        name = ast.Constant(ast.unparse(ast.Compare(left, [op], [right])))
        strict = ast.Constant(isinstance(op, ast.Lt | ast.Gt))
        parts.append(ast.Call(ast.Name("_claimed", ast.Load()), [name, low, high, strict], []))
    return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


def run_page(page, dataset, seed):
    """Run a page's code; returns the margins of each claim, and the assertions that fail."""
    margins, failed = {}, []

    def claimed(name, low, high, strict):
        margins[name] = min(margins.get(name, math.inf), float(high - low))  # of several, the smallest
        return low < high if strict else low <= high

    def noted(test, holds):
        if not holds:
            failed.append(test)

    (path,) = notebooks.find([page])
    before = made_with(page, dataset, seed)
    scope = {"__name__": "__main__", "_claimed": claimed, "_noted": noted}
    for cell in notebooks.read(path)["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            exec(compile(ast.fix_missing_locations(Noted().visit(tree)), path.name, "exec"), scope)
            if "parameters" in notebooks.tags(cell):
                scope |= {"DATASET": dataset, "SEED": seed}
    return {"margins": margins, "failed": failed, "made_with": before}


def made_with(page, dataset, seed):
    """What the answer of a run depends on."""
    (path,) = notebooks.find([page])
    return ingredients(path, {"DATASET": dataset, "SEED": seed})


def finished(file, page, dataset, seed):
    """The answer of an earlier run with the same ingredients, or None."""
    answer = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return answer if answer.get("made_with") == made_with(page, dataset, seed) else None


def in_process(page, dataset, seed, file):
    """`run_page` in a new process, which leaves its answer in a file."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, __file__, page, "--dataset", dataset, "--seeds", str(seed), "--child", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        tqdm.write(f"{page}, seed {seed}, came to no end: {done.stderr.strip().splitlines()[-1]}")


def report(page, runs, everything):
    """Print the claims of a page, the tightest first."""
    for test in sorted({test for run in runs.values() for test in run["failed"]}):
        seeds = [seed for seed, run in runs.items() if test in run["failed"]]
        print(f"{page}  FAILS with seeds {', '.join(map(str, seeds))}: {test}")
    rows = []
    for name in {name: None for run in runs.values() for name in run["margins"]}:
        margins = [run["margins"][name] for run in runs.values() if name in run["margins"]]
        spread = statistics.stdev(margins) if len(margins) > 1 else 0.0
        rows.append((statistics.mean(margins) / spread if spread else math.inf, min(margins), len(margins), name))
    for ratio, smallest, count, name in sorted(rows):
        if everything or ratio < TIGHT:
            print(f"{page}  {ratio:6.1f} deviations, smallest of {count:2} margins {smallest:9.4g}: {name}")


def seeds_of(text):
    """Whole numbers from "3" or "0-9"."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="numbers, for example 08 09; all pages without any")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--seeds", default="0-9", type=seeds_of)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "margins")
    parser.add_argument("--all", action="store_true", help="print every claim")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        write_json(options.child, run_page(options.pages[0], options.dataset, options.seeds[0]))
        return
    pages = [path.name[:2] for path in notebooks.find(options.pages)]
    files = {
        (page, seed): options.out / options.dataset / f"{page}.{seed}.json" for page in pages for seed in options.seeds
    }
    missing = [(page, seed) for (page, seed), file in files.items() if not finished(file, page, options.dataset, seed)]
    with tqdm(total=len(missing), desc="Running", unit="page") as bar, ThreadPoolExecutor(options.jobs) as pool:
        for page, seed in missing:
            future = pool.submit(in_process, page, options.dataset, seed, files[page, seed])
            future.add_done_callback(lambda _: bar.update())
    for page in pages:
        answers = {seed: finished(files[page, seed], page, options.dataset, seed) for seed in options.seeds}
        report(page, {seed: answer for seed, answer in answers.items() if answer}, options.all)


if __name__ == "__main__":
    main()
