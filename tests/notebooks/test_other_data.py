"""Every page again, with another seed and where possible other data: do its claims hold there too?"""

import numpy as np
import pytest
from PIL import Image

from course_utils import data
from course_utils.command import execute
from course_utils.sample_images import make_sample_folder
from course_utils.support import notebooks

DATASET = "mnist" if data.is_on_disk("mnist") else "digits"
PAGES = notebooks.find()
ON_CLOTHES = notebooks.find(["05", "11", "13"]) if data.is_on_disk("fashion-mnist") else []


def own_images(folder):
    """A learner's folder: 80 drawn shapes of four formats, one image of each odd kind, and files that are no images."""
    make_sample_folder(folder, count=80, seed=5)
    ramp = np.tile(np.linspace(0, 65535, 300), (200, 1)).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "16 bit.png")
    Image.fromarray((ramp / 257).astype(np.uint8)).save(folder / "grey <b>&amp;.jpg")
    Image.new("RGBA", (40, 30), (0, 0, 90, 128)).save(folder / "clear.png")
    Image.new("RGB", (1, 1), "navy").save(folder / "tiny.png")
    Image.new("RGB", (6000, 4000), "white").save(folder / "huge.jpg")
    (folder / "empty.png").write_bytes(b"")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out, folder = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("my images")
    own_images(folder)
    capstone = {"DATASET": "digits", "SEED": 1, "FOLDER": str(folder)}
    jobs = [execute.Job(path, {"DATASET": DATASET, "SEED": 1}, out / path.name) for path in PAGES]
    jobs += [
        execute.Job(path, {"DATASET": "fashion-mnist", "SEED": 2}, out / f"clothes_{path.name}") for path in ON_CLOTHES
    ]
    jobs.append(execute.Job(notebooks.find(["10"])[0], capstone, out / "own_images.ipynb"))
    return {job.out.stem: (result, job.out) for job, result in zip(jobs, execute.run(jobs), strict=True)}


@pytest.mark.parametrize("name", [path.stem for path in PAGES] + [f"clothes_{path.stem}" for path in ON_CLOTHES])
def test_claims_hold(results, name):
    result, _ = results[name]
    assert result.error == ""
    assert result.figures


def test_page_10_works_on_a_folder_of_any_images(results):
    result, notebook = results["own_images"]
    assert result.error == "" and result.figures["own_pca_sse"] > 0
    text = notebook.read_text(encoding="utf-8")
    assert "85 images of your own" in text
    for file in ("about.txt", "cut-off.jpg", "empty.png"):
        assert f"Skipped '{file}'" in text
