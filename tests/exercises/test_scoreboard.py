"""A run beside its reference: only the row of the same figures and parameters is compared."""

import json
import re

import pytest

from course_utils import CourseError, scoreboard
from course_utils.support import files
from course_utils.support.notebooks import PAGES

PARAMETERS = {"DATASET": "digits", "EPOCHS": 5}
FIGURES = {"error": {"mean": 1.83333, "std": 1.04083}, "bits": {"mean": 2.0, "std": 0.0}}


def row(notebook="01_autoencoder", setting="quick", seeds=(0, 1, 2), figures=FIGURES, **changes):
    parameters = PARAMETERS | changes
    return {
        "notebook": notebook,
        "setting": setting,
        "parameters": parameters,
        "seeds": list(seeds),
        "figures": figures,
    }


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """Puts rows in the place of the course's reference."""
    monkeypatch.setattr(files, "REFERENCE", tmp_path / "reference.json")
    return lambda *rows: files.REFERENCE.write_text(json.dumps(rows))


def test_a_run_is_compared_only_with_its_own_row(reference, monkeypatch, capsys):
    variables = PARAMETERS | {"SEED": 7}
    monkeypatch.setattr(scoreboard, "_parameters", lambda: variables)
    reference(row(EPOCHS=50), row(), row(DATASET="mnist"))
    scoreboard.score(error=1.234567)
    out = capsys.readouterr().out
    assert "1.23      2 ± 1" in out and "over 3 seeds" in out
    reference(row(seeds=[0], figures={"error": {"mean": 9.0, "std": 0.0}}))
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
    other = {"bits": {"mean": 9.0, "std": 0.0}}
    reference(
        row("04_other", "quick", figures=other, DATASET="mnist"),
        row("04_other", "full", figures=other),
        row("04_other", "full", DATASET="mnist"),
    )
    assert scoreboard.reference("04") == FIGURES
    assert scoreboard.reference("04", "mnist", "quick") == other
    with pytest.raises(CourseError, match="no full figures of page 05 on mnist.*course measure 05 .*mnist --full`"):
        scoreboard.reference("05")
    with pytest.raises(CourseError, match="no quick figures of page 04 on digits.*--dataset digits` measures"):
        scoreboard.reference("04", "digits", "quick")


def test_damaged_reference_says_so(reference):
    reference()
    files.REFERENCE.write_text('[{"notebook": ')
    with pytest.raises(CourseError, match=r"cannot read .*reference.json"):
        scoreboard.score(error=1.0)


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (16.03, 0.187, "16.0 ± 0.2"),
        (0.006183, 0.00023, "0.0062 ± 0.0002"),
        (7.0856, 0.0, "7.09"),
        (1.2031, 0.0, "1.20"),
        (206.3, 0.0, "206"),
        (123.4, 17, "123 ± 17"),
    ],
)
def test_spread_is_written_to_the_digit_that_varies(mean, std, text):
    assert scoreboard.spread({"mean": mean, "std": std}) == text


def test_figure_that_is_no_number_is_refused():
    with pytest.raises(CourseError, match=r"bad_sse is not finite"):
        scoreboard.score(good_sse=1, bad_sse=float("nan"))
    with pytest.raises(CourseError, match=r"copy_db is infinite: that is the PSNR of equal images"):
        scoreboard.score(noisy_db=9.0, copy_db=float("inf"))
    with pytest.raises(CourseError, match=r"loss_nats is not finite"):
        scoreboard.score(loss_nats=float("inf"))


@pytest.mark.parametrize(
    ("page", "result", "baseline"),
    [
        ("04", "deep_30_sse", "pca_30_sse"),
        ("05", "best_denoiser_db", "linear_filter_db"),
        ("06", "oneclass_ae_percent", "oneclass_pca_percent"),
        ("14", "all_test_nll_nats", "vae_all_test_nll_nats"),
    ],
)
def test_readme_shows_figures_of_the_reference(page, result, baseline):
    readme = (files.ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| {page}: .+$", readme, flags=re.M)
    _, *cells = (cell.strip() for cell in line.strip("|").split("|"))
    assert len(cells) == 5
    for dataset, ours, theirs in zip(("mnist", "fashion-mnist"), cells[0::3], cells[1::3], strict=True):
        full = scoreboard.reference(page, dataset)
        assert ours == scoreboard.spread(full[result])
        assert theirs.split(" (")[0] == scoreboard.spread(full[baseline])


def test_figures_have_one_meaning_in_the_whole_course():
    """`score` finds its row by the figures' names, so no two notebooks may share one."""
    owner = {}
    for row in files.read_json(files.ROOT / "data" / "reference.json", []):
        for name in row["figures"]:
            assert owner.setdefault(name, row["notebook"]) == row["notebook"]
    assert set(owner.values()) == set(PAGES)
