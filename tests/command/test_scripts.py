"""The scripts of page 12: training that may be shared and killed, and scores without PyTorch."""

import ast
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import onnxruntime
import pytest
import torch
from rough_photographs import BROKEN, make_rough_folder
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torchvision.transforms import v2

from course_utils import CourseError
from course_utils.photographs import PhotographFolder, PhotographVAE
from course_utils.scenes import make_scene_folder
from course_utils.support.files import ASSETS, ROOT

TRAIN, ODD = ASSETS / "scripts" / "train_photographs.py", ASSETS / "scripts" / "odd_photographs.py"
EPOCHS = 4  # of three steps each
SMALL = ["--batch", "16", "--latent-dim", "4", "--width", "2", "--lr", "0.01"]

# --- training


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """Train on the processor everywhere, so that all losses are comparable."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.fixture(scope="module")
def script():
    """The training script as a module, to run it without a new process."""
    spec = importlib.util.spec_from_file_location("train_photographs", TRAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A folder of 80 scenes, 64 of them in `train`."""
    folder = tmp_path_factory.mktemp("scenes")
    make_scene_folder(folder, count=80)
    return folder


def in_process(*command):
    """Run Python with these arguments in a process of its own, with this course; returns what came of it."""
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, env=surroundings, capture_output=True, encoding="utf-8", check=False)


def trained(script, capsys, folder, run, epochs=EPOCHS, more=()):
    """Train in this process; returns what the last line says."""
    script.main([str(folder), str(run), "--epochs", str(epochs), *SMALL, *more])
    return last_line(capsys.readouterr().out)


def last_line(text):
    return json.loads(text.splitlines()[-1])


@pytest.fixture(scope="module")
def whole(scenes, tmp_path_factory):
    """What one process says that trains without interruption, and its folder."""
    run = tmp_path_factory.mktemp("whole")
    done = in_process(TRAIN, scenes, run, "--epochs", EPOCHS, *SMALL)
    assert done.returncode == 0, done.stderr
    return last_line(done.stdout), run


def test_training_lowers_the_loss_and_keeps_the_best(whole):
    said, run = whole
    assert said["epochs"] == len(said["train"]) == len(said["val"]) == EPOCHS and said["processes"] == 1
    assert said["train"][-1] < said["train"][0] - 0.05
    assert said["val"][said["best_epoch"] - 1] == min(said["val"])
    with safe_open(run / "best.safetensors", "pt") as file:
        notes = file.metadata()
    assert (notes["epoch"], notes["val"]) == (str(said["best_epoch"]), str(min(said["val"])))
    assert (notes["batch"], notes["lr"], notes["seed"], notes["amp"]) == ("16", "0.01", "0", "False")
    vae = PhotographVAE(int(notes["latent_dim"]), int(notes["width"]))
    vae.load_state_dict(load_file(run / "best.safetensors"))
    assert not list(run.glob("*.part"))


def events_of(run):
    """What TensorBoard shows of a run: step -> value."""
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    names = events.Tags()["scalars"]
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in names}


def test_tensorboard_shows_the_losses(whole):
    said, run = whole
    shown = events_of(run)
    assert set(shown) == {"bits per dimension/train", "bits per dimension/val"}
    for name in ("train", "val"):
        assert shown[f"bits per dimension/{name}"] == pytest.approx(dict(enumerate(said[name], 1)), rel=1e-6)


KILLED = """
import os, runpy, sys, torch
def killing(real, condition):
    calls = []
    def wrapped(*arguments, **options):
        calls.append(str(arguments))
        if condition(calls):
            os.kill(os.getpid(), 9)
        return real(*arguments, **options)
    return wrapped
"""
IN_AN_EPOCH = "torch.nn.utils.clip_grad_norm_ = killing(torch.nn.utils.clip_grad_norm_, lambda calls: len(calls) == 8)"
WHILE_WRITING = "os.replace = killing(os.replace, lambda calls: sum('last.pt' in call for call in calls) == 3)"


@pytest.mark.parametrize("when", [IN_AN_EPOCH, WHILE_WRITING], ids=["in an epoch", "while writing"])
def test_a_killed_training_goes_on_as_if_nothing_had_been(script, scenes, whole, tmp_path, capsys, when):
    code = f"{KILLED}{when}\ndel sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    done = in_process("-c", code, TRAIN, scenes, tmp_path, "--epochs", EPOCHS, *SMALL)
    assert abs(done.returncode) == 9 and "epoch 2:" in done.stdout and "epoch 3:" not in done.stdout, done.stderr
    assert (tmp_path / "last.part").exists() == (when == WHILE_WRITING)
    assert len(torch.load(tmp_path / "last.pt", weights_only=True)["losses"]["val"]) == 2

    time.sleep(1.1)  # TensorBoard reads files in the order of the second in their names, then of the process's number
    torch.manual_seed(123)  # whatever happened in between
    said = trained(script, capsys, scenes, tmp_path)
    for name in ("train", "val"):
        assert said[name] == pytest.approx(whole[0][name], abs=1e-6)
    best, expected = (load_file(run / "best.safetensors") for run in (tmp_path, whole[1]))
    for name, value in expected.items():
        torch.testing.assert_close(best[name], value)
    assert {name: list(steps) for name, steps in events_of(tmp_path).items()} == {
        f"bits per dimension/{name}": [1, 2, 3, 4] for name in ("train", "val")
    }


def test_two_processes_train_as_one_does_and_one_may_go_on(script, scenes, whole, tmp_path, capsys):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = in_process(*torchrun, TRAIN, scenes, tmp_path, "--epochs", 2, *SMALL)
    assert done.returncode == 0, done.stderr
    said = last_line(done.stdout)
    assert said["processes"] == 2 and done.stdout.count("epoch 1:") == 1  # one of the two speaks
    assert len(list((tmp_path / "events").iterdir())) == 1
    for name in ("train", "val"):
        assert said[name] == pytest.approx(whole[0][name][:2], abs=1e-4)
    said = trained(script, capsys, scenes, tmp_path)
    for name in ("train", "val"):
        assert said[name] == pytest.approx(whole[0][name], abs=1e-4)


def test_another_seed_is_another_training(script, scenes, whole, tmp_path, capsys):
    said = trained(script, capsys, scenes, tmp_path, 1, ["--seed", "1"])
    assert abs(said["train"][0] - whole[0]["train"][0]) > 1e-3  # ten times what two processes may differ by


def test_bfloat16_changes_little(script, scenes, whole, tmp_path, capsys):
    said = trained(script, capsys, scenes, tmp_path, 1, ["--amp"])
    assert 0 < abs(said["train"][0] - whole[0]["train"][0]) < 0.05


def test_training_stops_where_it_gets_no_better(script, scenes, tmp_path, capsys, monkeypatch):
    losses = iter([1, 3.0, 1, 2.0, 1, 2.5, 1, 2.25, 1, 0.0])  # of training and validation in turn
    monkeypatch.setattr(script, "mean_loss", lambda *arguments: next(losses))
    said = trained(script, capsys, scenes, tmp_path, 20, ["--patience", "2"])
    assert said["val"] == [3, 2, 2.5, 2.25] and said["best_epoch"] == 2
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert file.metadata()["epoch"] == "2"
    assert trained(script, capsys, scenes, tmp_path, 20, ["--patience", "2"]) == said  # nothing is left to do
    assert trained(script, capsys, scenes, tmp_path, 5, ["--patience", "3"])["val"][-1] == 0


def test_training_on_rough_files(script, tmp_path, capsys):
    make_rough_folder(tmp_path / "photographs" / "train")
    run = tmp_path / "my run é"
    script.main([str(tmp_path / "photographs"), str(run), "--epochs", "1", *SMALL[2:], "--batch", "4"])
    printed = capsys.readouterr().out
    assert last_line(printed)["epochs"] == 1
    assert all(name in printed for name in BROKEN)


# --- what training refuses


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--lr", "0.1"], r"another recipe \(lr was 0.01, now 0.1\): name another RUN, or delete it"),
        (["--seed", "1", "--amp"], r"\(seed was 0, now 1; amp was False, now True\)"),
        (["--batch", "99"], r"leaves 57 images to train on, and --batch is 99: make it smaller"),
    ],
)
def test_another_recipe_and_too_large_a_batch_are_refused(script, scenes, whole, capsys, more, message):
    before = (whole[1] / "last.pt").read_bytes()
    with pytest.raises(CourseError, match=message):
        trained(script, capsys, scenes, whole[1], more=more)
    assert (whole[1] / "last.pt").read_bytes() == before


def test_other_images_are_another_recipe(script, scenes, whole, tmp_path, capsys):
    shutil.copytree(scenes, tmp_path / "fewer")
    shutil.rmtree(tmp_path / "fewer" / "train" / "boat")
    with pytest.raises(CourseError, match="images was 57, now 50"):
        trained(script, capsys, tmp_path / "fewer", whole[1])


class Trap:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return (self.place.write_text, ("code from the file was run",))


def test_a_damaged_checkpoint_is_refused_and_runs_no_code(script, scenes, tmp_path, capsys):
    torch.save({"recipe": Trap(tmp_path / "sprung"), "losses": {}}, tmp_path / "last.pt")
    for content in ((tmp_path / "last.pt").read_bytes(), b"", b"no checkpoint"):
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(CourseError, match="or is damaged: delete it to train anew"):
            trained(script, capsys, scenes, tmp_path)
        assert (tmp_path / "last.pt").read_bytes() == content
    assert not (tmp_path / "sprung").exists()


def test_a_loss_that_blows_up_says_so_and_keeps_the_last_good_epoch(script, scenes, tmp_path, capsys, monkeypatch):
    losses = iter([2.0, 2.0, float("nan"), 2.0])
    monkeypatch.setattr(script, "mean_loss", lambda *arguments: next(losses))
    with pytest.raises(CourseError, match=r"became nan in epoch 2: try a lower --lr than 0.01"):
        trained(script, capsys, scenes, tmp_path)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["losses"] == {"train": [2.0], "val": [2.0]}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--batch 16 cannot be shared equally by 3 processes: try --batch 15"),
        (["--batch", "2"], "by 3 processes: try --batch 3"),
        (["--epochs", "0"], "should be at least 1"),
        (["--lr", "0"], "--lr above 0"),
        (["--batch", "many"], "invalid int value: 'many'"),
    ],
)
def test_settings_that_cannot_be_are_refused(script, scenes, tmp_path, capsys, monkeypatch, more, message):
    monkeypatch.setattr(script, "WORLD", 3)
    with pytest.raises(SystemExit):
        trained(script, capsys, scenes, tmp_path / "run", more=more)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("make", "message"), [(False, "no folder with class folders"), (True, "they are empty")])
def test_a_folder_without_photographs_ends_in_one_line(tmp_path, monkeypatch, make, message):
    if make:
        (tmp_path / "mine" / "train" / "cats").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", [str(TRAIN), str(tmp_path / "mine"), str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TRAIN), run_name="__main__")
    assert str(ended.value).startswith("train_photographs.py: ") and message in str(ended.value)
    assert not (tmp_path / "run").exists()


# --- a model that leaves the notebook


class Oddness(nn.Module):
    """Images (B, 3, 64, 64) -> squared error of each, (B,), as the page exports it."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, x):
        mu, _ = self.vae.encode(x)
        return ((self.vae.decode(mu) - x) ** 2).sum((1, 2, 3))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model, the same by torch.export, and the same as an ONNX file."""
    torch.manual_seed(0)
    model = Oddness(PhotographVAE(latent_dim=4, width=4)).eval()
    example = (torch.rand(2, 3, 64, 64),)
    program = torch.export.export(model, example, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    return model, program.module(), path


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_exported_models_give_what_the_model_gives(exported, batch):
    model, program, path = exported
    x = torch.rand(batch, 3, 64, 64, generator=torch.Generator().manual_seed(batch))
    session = onnxruntime.InferenceSession(path)
    (scores,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        expected = model(x)
        torch.testing.assert_close(program(x), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(torch.from_numpy(scores), expected, rtol=1e-4, atol=0)


# --- scores without PyTorch


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The Python of an environment that has NumPy, Pillow and ONNX Runtime, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"
    goal = Path(
        ast.literal_eval(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout)
    )
    for name in ("numpy", "numpy.libs", "PIL", "pillow.libs", "onnxruntime"):
        source = Path(sysconfig.get_path("purelib"), name)
        if not source.exists():  # some systems' packages need no folder of libraries
            continue
        try:
            (goal / name).symlink_to(source, target_is_directory=True)
        except OSError:  # Windows, by its settings
            shutil.copytree(source, goal / name)
    return python


def run_bare(python, *command, **surroundings):
    """Run a command in that environment; names may be of any kind, whatever the locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    return subprocess.run(
        [python, *map(str, command)],
        cwd=python.parent,  # not the project's folder, in which the course is found
        env=kept | surroundings,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "locale"),
    [
        ("model 日本 é.onnx", {"PYTHONUTF8": "1"}),
        ("model.onnx", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=["UTF-8", "ASCII"],
)
def test_a_folder_is_scored_without_pytorch_as_with_it(exported, bare, tmp_path, name, locale):
    root, model = tmp_path / "photographs", tmp_path / name
    shutil.copy(exported[2], model)
    make_rough_folder(root)
    (root / "a b" / ".hidden.png").write_bytes(b"")
    transform = v2.Compose([v2.Resize(64), v2.CenterCrop(64), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    images = PhotographFolder(root, transform)
    with torch.no_grad():
        scores = exported[0](torch.stack([images[i][0] for i in range(len(images))])).tolist()
    expected = dict(zip([path for path, _ in images.samples], scores, strict=True))

    done = run_bare(bare, ODD, model, root, **locale)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert {path: float(score) for score, path in lines} == pytest.approx(expected, rel=1e-4)
    assert [float(score) for score, _ in lines] == sorted((float(score) for score, _ in lines), reverse=True)
    said = done.stderr.splitlines()
    assert len(said) == len(BROKEN) and all(any(name in line for line in said) for name in BROKEN), said


def test_that_environment_has_no_pytorch_and_the_script_asks_for_none(bare):
    for name in ("torch", "torchvision", "course_utils"):
        assert f"No module named '{name}'" in run_bare(bare, "-c", f"import {name}").stderr
    for name in ("numpy", "PIL", "onnxruntime"):
        assert run_bare(bare, "-c", f"import {name}").returncode == 0
    imported = set()
    for node in ast.walk(ast.parse(ODD.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported == {"sys", "pathlib", "numpy", "PIL", "onnxruntime"}


def test_what_the_script_cannot_do_it_says(exported, bare, tmp_path):
    done = run_bare(bare, ODD, exported[2])
    assert done.returncode and "odd_photographs.py model.onnx FOLDER" in done.stderr
    for folder in (tmp_path, tmp_path / "missing"):
        done = run_bare(bare, ODD, exported[2], folder)
        assert done.returncode and f"no photograph in {folder}: name a folder" in done.stderr
    assert "Traceback" not in done.stderr
