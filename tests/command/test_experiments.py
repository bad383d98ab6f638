"""`course measure` and `course record`: many seeds, receipts, clusters, and rows made of them."""

import importlib.metadata
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_pages import SCORE, write_page

from course_utils import CourseError
from course_utils.command import cli, experiments, ingredients, records
from course_utils.support import files, notebooks


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """A `reference.json` of its own."""
    monkeypatch.setattr(files, "REFERENCE", tmp_path / "data" / "reference.json")
    return files.REFERENCE


@pytest.fixture
def measure(tmp_path):
    """Measures a page on the digits with some seeds; returns the results and what was reported."""

    def measure(page, seeds=(0, 1, 2), full=True, executor=None, workers=2):
        reported = []
        jobs = experiments.plan([page], ["digits"], list(seeds), full, tmp_path / "out")
        results = experiments.measure(jobs, full, executor, workers, report=lambda job, result: reported.append(result))
        assert len(reported) == len(results)
        return results

    return measure


def written(tmp_path):
    """When each executed page was written."""
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "digits").glob("*.ipynb")}


def test_seeds_are_measured_resumed_and_recorded(measure, reference, tmp_path):
    page = write_page(tmp_path, f"assert SEED < 2 or EPOCHS == 3\n{SCORE}", full={"EPOCHS": 7})
    assert [bool(result.error) for result in measure(page)] == [False, False, True]  # seed 2 fails
    assert len(experiments.read_receipts(tmp_path / "out")) == 2
    before = written(tmp_path)
    write_page(tmp_path, SCORE, full={"EPOCHS": 7})  # mended: code changed, so everything runs again
    assert [result.figures["figure"] for result in measure(page)] == [70.0, 71.0, 72.0]
    assert all(written(tmp_path)[name] != time for name, time in before.items())
    before = written(tmp_path)
    assert [result.figures["figure"] for result in measure(page)] == [70.0, 71.0, 72.0]  # nothing left to do
    assert written(tmp_path) == before
    (row,) = records.record_folder(tmp_path / "out")
    assert json.loads(reference.read_text()) == [row]
    assert row["parameters"] == {"DATASET": "digits", "EPOCHS": 7} and row["seeds"] == [0, 1, 2]
    assert row["figures"]["figure"] == {"mean": 71.0, "std": 1.0} and row["setting"] == "full"


def test_runs_of_another_code_are_not_mixed_in_one_row(measure, reference, tmp_path):
    page = write_page(tmp_path, SCORE)
    measure(page, seeds=[0], full=False)
    write_page(tmp_path, SCORE, "x = 1")
    measure(page, seeds=[1], full=False)
    with pytest.raises(CourseError, match=r"seed1.ipynb was made with another page than 42_small.seed0"):
        records.record_folder(tmp_path / "out")
    assert not reference.exists()


def test_a_receipt_counts_only_for_the_page_beside_it(measure, tmp_path):
    page = write_page(tmp_path, SCORE)
    (first,) = measure(page, seeds=[0], full=False)
    out = tmp_path / "out" / "digits" / "42_small.seed0.ipynb"
    out.write_text(out.read_text().replace("Small", "Other"))
    with pytest.raises(CourseError, match="no receipt of 42_small.seed0.ipynb"):
        records.record_folder(tmp_path / "out")
    (again,) = measure(page, seeds=[0], full=False)
    assert "Small" in out.read_text() and again.figures == first.figures


def test_no_barrier_between_data_sets(tmp_path):
    """The last page on one set and the first on the next are in one list of jobs, which the workers share."""
    pages = [write_page(tmp_path, SCORE, name=f"4{i}_small") for i in range(2)]
    jobs = experiments.plan(pages, ["digits", "mnist"], [0, 5], False, tmp_path)
    assert [(job.page.stem, job.parameters["DATASET"], job.parameters["SEED"]) for job in jobs] == [
        (f"4{i}_small", dataset, seed) for dataset in ("digits", "mnist") for i in range(2) for seed in (0, 5)
    ]
    assert len({job.out for job in jobs}) == 8


def test_what_a_figure_depends_on(monkeypatch, tmp_path):
    """Another torch, another weight, another line of the library: anew. A comment in what only publishes: not."""
    page, parameters = notebooks.find(["08"])[0], {"DATASET": "digits", "SEED": 0}
    names = set(ingredients.ingredients(page, parameters))
    assert {"page", "losses.py", "support/files.py", "torch", "torchvision", "numpy", "parameter SEED"} <= names
    assert "classifier_digits.safetensors" in names and "classifier_mnist.safetensors" not in names
    assert not [name for name in names if "command" in name or name in ("slides.py", "kit.py", "cli.py")]
    assert "classifier_digits.safetensors" not in ingredients.ingredients(notebooks.find(["04"])[0], parameters)
    before = ingredients.ingredients(page, parameters)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "torch" else version(name))
    assert ingredients.differences(before, ingredients.ingredients(page, parameters)) == "torch"
    monkeypatch.undo()
    assert ingredients.differences(before, ingredients.ingredients(page, parameters)) == ""
    assert ingredients.differences(before, ingredients.ingredients(page, parameters | {"SEED": 1})) == "parameter SEED"


def test_a_worker_with_another_torch_gets_no_receipt(measure, tmp_path, monkeypatch):
    page = write_page(tmp_path, SCORE)
    version = importlib.metadata.version

    class Elsewhere(ThreadPoolExecutor):
        """Runs in this process, which has another torch than the one that asks."""

        def submit(self, *task):
            monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "torch" else version(name))
            return super().submit(*task)

    with Elsewhere(1) as executor:
        (result,) = measure(page, seeds=[0], full=False, executor=executor)
    assert "another torch than this machine had" in result.error
    assert not experiments.read_receipts(tmp_path / "out")


def test_command_measures_and_records(reference, tmp_path, monkeypatch, capsys):
    page = write_page(tmp_path, SCORE, full={"EPOCHS": 7})
    monkeypatch.setattr(notebooks, "find", lambda numbers=(): [page])
    monkeypatch.setattr(cli, "REFERENCE", reference)
    out = str(tmp_path / "out")
    assert cli.main(["measure", "42", "--full", "--dataset", "digits", "--seeds", "3,5", "--out", out]) == 0
    said = capsys.readouterr().out
    assert "42_small.seed3" in said and "figure 75" in said and "course record" in said and "About" in said
    assert cli.main(["record", out]) == 0
    assert "42_small, full, digits: seeds 3, 5" in capsys.readouterr().out
    assert json.loads(reference.read_text())[0]["seeds"] == [3, 5]


@pytest.mark.skipif(os.name == "nt", reason="a worker is killed by a signal")
def test_a_cluster_goes_on_where_a_worker_is_killed(measure, tmp_path):
    distributed = pytest.importorskip("distributed")
    marks = tmp_path / "marks"
    marks.mkdir()
    mark = f"import pathlib, time\npathlib.Path({str(marks)!r}, f'{{SEED}}.{{time.time_ns()}}').touch()"
    page = write_page(tmp_path, mark, "time.sleep(5)", SCORE)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:

        def kill_one():
            while len(list(marks.iterdir())) < 2:  # both seeds are in their long cell
                time.sleep(0.1)
            os.kill(local.workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        with experiments.cluster(local.scheduler_address) as executor:
            results = measure(page, seeds=[0, 1], full=False, executor=executor)
        killer.join()
    assert [result.error for result in results] == ["", ""]
    assert [result.figures for result in results] == [{"figure": 30.0}, {"figure": 31.0}]
    assert len(list(marks.iterdir())) == 3, "the lost run was started again, the other one was not"
    assert len(experiments.read_receipts(tmp_path / "out")) == 2
