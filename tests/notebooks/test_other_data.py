"""Every page again, with another seed and where possible other data: do its claims hold there too?"""

import pytest

from course_utils import data, runner

DATASET = "mnist" if data.is_on_disk("mnist") else "digits"
PAGES = runner.find()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    jobs = [runner.Job(path, {"DATASET": DATASET, "SEED": 1}, out / path.name) for path in PAGES]
    return dict(zip([path.stem for path in PAGES], runner.run(jobs), strict=True))


@pytest.mark.parametrize("name", [path.stem for path in PAGES])
def test_claims_hold(results, name):
    assert results[name].error == ""
    assert results[name].figures
