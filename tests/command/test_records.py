"""`course record`: one row for each page, setting and data set, whole on disk or as it was."""

import json
import statistics

import pytest

from course_utils import CourseError
from course_utils.command.records import record
from course_utils.support import files

PARAMETERS = {"DATASET": "digits", "EPOCHS": 5}
RUNS = {0: {"error": 1.0, "bits": 2.0}, 1: {"error": 1.5, "bits": 2.0}, 2: {"error": 3.0, "bits": 2.0}}


@pytest.fixture
def reference(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "REFERENCE", tmp_path / "reference.json")
    return tmp_path / "reference.json"


def test_recorded_row_has_mean_and_spread_over_seeds(reference):
    record("01_autoencoder", "quick", PARAMETERS, RUNS)
    (row,) = json.loads(reference.read_text())
    assert row["figures"]["error"]["mean"] == pytest.approx(statistics.fmean([1, 1.5, 3]), rel=1e-5)
    assert row["figures"]["error"]["std"] == pytest.approx(statistics.stdev([1, 1.5, 3]), rel=1e-5)
    assert row["figures"]["bits"] == {"mean": 2.0, "std": 0.0} and row["seeds"] == [0, 1, 2]


def test_a_new_run_replaces_its_own_row_only(reference):
    for dataset in ("mnist", "digits"):
        record("01_autoencoder", "quick", PARAMETERS | {"DATASET": dataset}, RUNS)
    record("01_autoencoder", "full", PARAMETERS, RUNS)
    record("01_autoencoder", "quick", PARAMETERS, {0: {"error": 9.0}})
    rows = json.loads(reference.read_text())
    assert [(row["setting"], row["parameters"]["DATASET"]) for row in rows] == [
        ("full", "digits"),
        ("quick", "digits"),
        ("quick", "mnist"),
    ]
    assert rows[1]["figures"]["error"]["mean"] == 9.0 and rows[2]["figures"]["error"]["mean"] != 9.0


def test_damaged_reference_says_so(reference):
    reference.write_text('[{"notebook": ')
    with pytest.raises(CourseError, match=r"cannot read .*reference.json"):
        record("01_autoencoder", "quick", PARAMETERS, RUNS)
    assert reference.read_text() == '[{"notebook": '


def test_failed_write_keeps_the_old_file(reference, monkeypatch):
    record("01_autoencoder", "quick", PARAMETERS, RUNS)
    before = reference.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CourseError, match=r"No space left on device. Nothing was changed"):
        record("01_autoencoder", "full", PARAMETERS, RUNS)
    assert reference.read_bytes() == before and list(reference.parent.iterdir()) == [reference]
