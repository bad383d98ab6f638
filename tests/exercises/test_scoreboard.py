import json
import re
import statistics

import pytest

from course_utils import CourseError, scoreboard
from course_utils.support import files

PARAMETERS = {"DATASET": "digits", "EPOCHS": 5}
RUNS = {0: {"error": 1.0, "bits": 2.0}, 1: {"error": 1.5, "bits": 2.0}, 2: {"error": 3.0, "bits": 2.0}}


@pytest.fixture
def reference(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "REFERENCE", tmp_path / "reference.json")
    return tmp_path / "reference.json"


def test_recorded_row_has_mean_and_spread_over_seeds(reference):
    scoreboard.record("01_autoencoder", "quick", PARAMETERS, RUNS)
    (row,) = json.loads(reference.read_text())
    assert row["figures"]["error"]["mean"] == pytest.approx(statistics.fmean([1, 1.5, 3]), rel=1e-5)
    assert row["figures"]["error"]["std"] == pytest.approx(statistics.stdev([1, 1.5, 3]), rel=1e-5)
    assert row["figures"]["bits"] == {"mean": 2.0, "std": 0.0} and row["seeds"] == [0, 1, 2]


def test_a_new_run_replaces_its_own_row_only(reference):
    for dataset in ("mnist", "digits"):
        scoreboard.record("01_autoencoder", "quick", PARAMETERS | {"DATASET": dataset}, RUNS)
    scoreboard.record("01_autoencoder", "full", PARAMETERS, RUNS)
    scoreboard.record("01_autoencoder", "quick", PARAMETERS, {0: {"error": 9.0}})
    rows = json.loads(reference.read_text())
    assert [(row["setting"], row["parameters"]["DATASET"]) for row in rows] == [
        ("full", "digits"),
        ("quick", "digits"),
        ("quick", "mnist"),
    ]
    assert rows[1]["figures"]["error"]["mean"] == 9.0 and rows[2]["figures"]["error"]["mean"] != 9.0


def test_a_run_is_compared_only_with_its_own_row(reference, monkeypatch, capsys):
    scoreboard.record("01_autoencoder", "quick", PARAMETERS, RUNS)
    variables = PARAMETERS | {"SEED": 7}
    monkeypatch.setattr(scoreboard, "_parameters", lambda: variables)
    scoreboard.score(error=1.234567)
    assert "1.23      2 ± 1" in capsys.readouterr().out
    scoreboard.record("01_autoencoder", "quick", PARAMETERS, {0: {"error": 9.0}})
    scoreboard.score(error=1.234567)
    assert "Reference: a single run, same data" in capsys.readouterr().out
    scoreboard.score(textbook_mse=0.5)
    assert re.search(r"textbook +0.5 +no reference +squared error per pixel", capsys.readouterr().out)
    variables["EPOCHS"] = 6
    scoreboard.score(error=1.234567)
    assert "no reference" in capsys.readouterr().out
    variables["EPOCHS"] = 5
    scoreboard.score(other=1)
    assert "no reference" in capsys.readouterr().out


def test_figures_of_another_page_are_found_by_its_number(reference):
    scoreboard.record("04_other", "full", PARAMETERS | {"DATASET": "mnist"}, RUNS)
    scoreboard.record("04_other", "quick", PARAMETERS | {"DATASET": "mnist"}, {0: {"error": 9.0}})
    assert scoreboard.reference("04")["bits"] == {"mean": 2.0, "std": 0.0}
    scoreboard.record("04_other", "full", PARAMETERS, {0: {"bits": 9.0}})
    assert scoreboard.reference("04")["error"]["mean"] == pytest.approx(11 / 6, rel=1e-5)
    with pytest.raises(CourseError, match="no full figures of page 05 on MNIST.*course run 05 --full"):
        scoreboard.reference("05")


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (16.03, 0.187, "16.0 ± 0.2"),
        (0.006183, 0.00023, "0.0062 ± 0.0002"),
        (7.0856, 0.0, "7.09"),
        (123.4, 17, "123 ± 17"),
    ],
)
def test_spread_is_written_to_the_digit_that_varies(mean, std, text):
    assert scoreboard.spread({"mean": mean, "std": std}) == text


def test_figure_that_is_no_number_is_refused():
    with pytest.raises(CourseError, match=r"bad_sse is not finite"):
        scoreboard.score(good_sse=1, bad_sse=float("nan"))


def test_damaged_reference_says_so(reference):
    reference.write_text('[{"notebook": ')
    with pytest.raises(CourseError, match=r"cannot read .*reference.json"):
        scoreboard.record("01_autoencoder", "quick", PARAMETERS, RUNS)
    assert reference.read_text() == '[{"notebook": '


def test_failed_write_keeps_the_old_file(reference, monkeypatch):
    scoreboard.record("01_autoencoder", "quick", PARAMETERS, RUNS)
    before = reference.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CourseError, match=r"No space left on device. Nothing was changed"):
        scoreboard.record("01_autoencoder", "full", PARAMETERS, RUNS)
    assert reference.read_bytes() == before and list(reference.parent.iterdir()) == [reference]


def test_readme_shows_the_full_figures_of_the_reference():
    readme = (files.ROOT / "README.md").read_text(encoding="utf-8")
    for row in files.read_json(files.ROOT / "data" / "reference.json", []):
        if row["setting"] == "full":
            for figure in row["figures"].values():
                assert f" {scoreboard.spread(figure)} |" in readme


def test_figures_have_one_meaning_in_the_whole_course():
    """`score` finds its row by the figures' names, so no two notebooks may share one."""
    owner = {}
    for row in files.read_json(files.ROOT / "data" / "reference.json", []):
        for name in row["figures"]:
            assert owner.setdefault(name, row["notebook"]) == row["notebook"]
    assert set(owner.values()) == {path.stem for path in files.NOTEBOOKS.glob("*.ipynb")}
