"""What becomes of a learner's function, and of the course's: in a real kernel, by `%run`, and in a script."""

import os
import subprocess
import sys
from copy import deepcopy

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from course_utils.command.export import student_copy
from course_utils.support import notebooks
from course_utils.support.files import NOTEBOOKS

(PAGE,) = notebooks.find(["00"])
NOTEBOOK = nbformat.read(PAGE, as_version=4)
STUB, SOLUTION = [cell for cell in NOTEBOOK.cells if 'check("00-step"' in cell.source]
IMPORTS = "import torch\nfrom course_utils.checks import check, own_or_solution, solution"
RIGHT, WRONG = "own = w - lr * gradient\n    return own", "return w"
UNFILLED = "Exercise 00-step: not filled in yet. Replace the dots and run the cell again."
USE = "print(step(torch.ones(1), torch.ones(1), 0.5).item(), step.__code__.co_varnames)"
OWN, COURSES, STUBS = "0.5 ('w', 'gradient', 'lr', 'own')\n", "0.5 ('w', 'gradient', 'lr')\n", "1.0 "


def filled(answer):
    """The stub's cell with an answer in it."""
    return STUB.source.replace("return ...", answer)


@pytest.fixture(scope="module")
def client():
    manager, client = start_new_kernel()
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(client, state, tmp_path):
    """Runs cells as JupyterLab does, and gives what they print; nothing has been checked yet."""

    def run(code, cell=None, allow_stdin=True):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": allow_stdin}
        metadata = {"cellId": cell.id} if cell else {}
        request = client.session.msg("execute_request", {"user_expressions": {}} | content, metadata=metadata)
        client.shell_channel.send(request)
        said = ""
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            said += message["content"].get("text", "")
            said += message["content"].get("data", {}).get("text/plain", "")
            assert message["msg_type"] != "error", message["content"]
            if message["content"].get("execution_state") == "idle":
                return said

    folders = f"os.environ['COURSE_STATE'] = {str(state)!r}\nos.chdir({str(tmp_path)!r})"
    run(f"import os\n{folders}\nglobals().pop('step', None)\n{IMPORTS}")
    run("from course_utils import checks\nchecks._right.clear()\nchecks._courses.clear()")
    return run


def is_solved(state):
    return (state / "exercises" / "00-step.json").exists()


@pytest.mark.parametrize("allow_stdin", [True, False])
def test_right_function_survives_the_solution(kernel, state, allow_stdin):
    ids = (STUB, SOLUTION) if allow_stdin else (None, None)  # a tool that executes pages may send no identifiers
    assert kernel(filled(RIGHT), ids[0], allow_stdin) == "Exercise 00-step: right.\n"
    said = kernel(SOLUTION.source, ids[1], allow_stdin)
    assert said == "Exercise 00-step: right, as yours was: the page goes on with your function.\n"
    assert kernel(USE) == OWN and is_solved(state) == allow_stdin
    assert kernel(filled(WRONG), ids[0], allow_stdin).startswith("Exercise 00-step: not yet: ")
    assert kernel(SOLUTION.source, ids[1], allow_stdin) == "Exercise 00-step: right.\n"
    assert kernel(USE) == COURSES


def test_stub_whose_solution_is_left_out_goes_on_with_the_courses(kernel, state):
    until_then = f"{UNFILLED} Until then the page goes on with the course's function.\n"
    for source in (STUB.source, filled("return w - lr * ..."), filled("return (w, ...)")):
        assert kernel(source, STUB) == until_then
        assert kernel(USE) == COURSES
    assert "this is the course's function" in kernel('check("00-step", step)')
    assert kernel(filled(WRONG), STUB).startswith("Exercise 00-step: not yet: ")
    assert kernel(USE).startswith(STUBS)  # a wrong one stays, to be looked into
    assert not is_solved(state)
    assert kernel(filled(RIGHT), STUB) == "Exercise 00-step: right.\n" and kernel(USE) == OWN and is_solved(state)


def test_the_courses_function_does_not_count_wherever_it_is_checked(kernel, state):
    kernel(SOLUTION.source, SOLUTION)
    assert "this is the course's function" in kernel('check("00-step", step)')
    kernel(filled(WRONG), STUB)
    kernel('step = own_or_solution("00-step")')
    assert kernel(USE) == COURSES
    assert "this is the course's function" in kernel('check("00-step", step)', STUB)
    assert not is_solved(state)


def test_answer_is_shown_when_it_is_asked_for(kernel, state):
    said = kernel('solution("00-step")')
    assert "return w - lr * gradient" in said and "does not count as solved" in said
    assert kernel("print('step' in globals())") == "False\n" and not is_solved(state)


def script(tmp_path, notebook):
    """A page as a script, as nbconvert writes it."""
    code = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    (tmp_path / "page.py").write_text(f"{code}\n\nimport torch\n{USE}\n", encoding="utf-8")
    return "page.py"


def as_notebook(tmp_path, notebook):
    nbformat.write(notebook, tmp_path / "page.ipynb")
    return "page.ipynb"


def small(answer, copy=nbformat.from_dict):
    """The exercise alone, with an answer in its stub."""
    notebook = copy(deepcopy(NOTEBOOK))
    notebook.cells = [cell for cell in notebook.cells if '("00-step"' in cell.source]
    notebook.cells[0].source = filled(answer)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(IMPORTS))
    return notebook


@pytest.mark.parametrize("write", [as_notebook, script])
@pytest.mark.parametrize(("answer", "ends"), [("return ...", COURSES), (WRONG, COURSES), (RIGHT, OWN)])
def test_run_from_a_file(kernel, state, tmp_path, write, answer, ends):
    said = kernel(f"%run {write(tmp_path, small(answer))}")
    assert kernel(USE) == ends
    assert is_solved(state) == (answer == RIGHT) == ("as yours was" in said)


@pytest.mark.parametrize(
    ("copy", "answer", "ends"),
    [(nbformat.from_dict, "return ...", COURSES), (nbformat.from_dict, RIGHT, OWN), (student_copy, RIGHT, OWN)],
)
def test_page_as_a_script_of_its_own(state, tmp_path, copy, answer, ends):
    path = script(tmp_path, small(answer, copy))
    done = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"COURSE_STATE": str(state), "PYTHONPATH": str(NOTEBOOKS.parent)},
    )
    assert done.stderr == "" and done.stdout.endswith(ends)
    assert is_solved(state) == (answer == RIGHT)
