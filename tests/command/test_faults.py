"""The fault suite's short form: each fault at a few moments. `python tests/tools/faults.py` tries them at many."""

import faults
import pytest
from small_pages import write_page

from course_utils import CourseError
from course_utils.command import execute


@pytest.mark.skipif(not faults.LINUX, reason="needs fork, SIGKILL and tmpfs")
@pytest.mark.parametrize("fault", [fault for fault in faults.FAULTS if fault.quick], ids=lambda fault: fault.name)
def test_fault(fault):
    tries = faults.try_out(fault, fault.quick)
    assert not any(failure for _, failure, _ in tries), "\n".join(failure for _, failure, _ in tries)
    if left_out := [end for end, _, _ in tries if end.startswith("left out")]:
        pytest.skip(left_out[0])


def test_a_fault_that_loses_data_is_counted():
    def careless(draw, folder):
        faults.kept(draw.random() < 0, "all is gone")

    for end, failure, lost in faults.try_out(faults.Fault("careless", careless, 2), 2):
        assert end == "FAILED" and lost and "all is gone" in failure


def test_python_without_a_kernel_is_told_once(tmp_path, monkeypatch):
    page = write_page(tmp_path, "x = 1")
    monkeypatch.setattr(execute.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match=r"no Jupyter kernel.*requirements.txt"):
        execute.run([execute.Job(page, {}, tmp_path / "out" / page.name)])


def test_leftovers_of_a_killed_run_go_at_the_next_start_and_those_of_other_pages_stay(tmp_path):
    page = write_page(tmp_path, "x = 1")
    for name in ("42_small", "41_other"):
        (tmp_path / "out" / f".running-{name}-abc").mkdir(parents=True)
    job = execute.Job(page, {"EPOCHS": "three"}, tmp_path / "out" / page.name)
    with pytest.raises(CourseError, match="EPOCHS"):
        execute.run([job])
    assert (tmp_path / "out" / ".running-42_small-abc").exists()
    execute.run([execute.Job(page, {}, job.out)])
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"42_small.ipynb", "42_small.html", ".running-41_other-abc"}
