"""Training that can be killed: a checkpoint after each epoch, from which the same call goes on."""

import io
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import CourseError
from course_utils.support.files import given, write_bytes
from course_utils.training import Loss, Training, evaluate, random_states, set_random_states


def fit_resumable(
    checkpoint: str | Path,
    model: nn.Module,
    train: TensorDataset,
    loss: Loss,
    *,
    val: TensorDataset | None = None,
    progress: bool = True,
    **settings: Any,
) -> list[dict]:
    """`training.fit`, which writes the file `checkpoint` after each epoch and goes on from it where it is there.

    Training that was stopped and goes on gives the figures of one that never stopped. A file that is damaged, or was
    made with other settings, another model, other images or another loss, is refused and left alone.

    Args:
        checkpoint: the file; "~" stands for the home folder.
        settings: `epochs` (counted from the beginning of training), `batch_size`, `lr` and so on, as for `fit`.

    Returns:
        The history of all epochs, those before the stop among them.
    """
    path, training = given(checkpoint), Training(model, train, loss, **settings)
    if os.path.isdir(path):
        raise CourseError(
            f"checkpoint={str(checkpoint)!r} is a folder: name a file in it, for example {path / 'run.pt'}"
        )
    kind = _kind(training)
    try:
        if os.path.exists(path):
            _restore(path, training, kind)
        return training.run(val, progress, after_epoch=lambda: _save(path, training, kind))
    finally:
        model.to(training.home)


def _save(path, training, kind):
    """Everything that the next epoch depends on."""
    content = io.BytesIO()
    random = random_states(training.shuffle, training.device)
    torch.save(
        {
            "settings": kind,
            "history": training.history,
            "probe": _probe(training),
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "schedule": training.schedule and training.schedule.state_dict(),
            "random": random,
        },
        content,
    )
    write_bytes(path, content.getvalue())


def _restore(path, training, kind):
    """Put a training back to where `_save` left it."""
    advice = f"Delete {path} to train from the beginning, or name another file."
    try:
        content = path.read_bytes()
        if damaged := zipfile.ZipFile(io.BytesIO(content)).testzip():  # compares checksums, which torch.load does not
            raise ValueError(f"the checksum of {damaged} is wrong")
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        saved, history, expected, random = (state[key] for key in ("settings", "history", "probe", "random"))
    except Exception as error:  # a damaged file fails in whichever way its bytes lead to
        raise CourseError(f"{path} is not a checkpoint of this course, or is damaged. {advice}") from error
    if saved != kind:
        different = [f"{k} was {saved.get(k)!r}, now {v!r}" for k, v in kind.items() if saved.get(k) != v]
        raise CourseError(f"{path} was made with other settings ({'; '.join(different)}). {advice}")
    if len(history) > training.epochs:
        raise CourseError(
            f"{path} has already trained {len(history)} epochs, more than the {training.epochs} asked for. {advice}"
        )
    try:
        training.model.load_state_dict(state["model"])
        training.optimizer.load_state_dict(state["optimizer"])
        if training.schedule:
            training.schedule.load_state_dict(state["schedule"])
    except Exception as error:  # weights of other shapes, or parts that are missing
        raise CourseError(f"{path} does not fit this model: {' '.join(str(error).split())} {advice}") from error
    found = _probe(training)
    if not math.isclose(found, expected, rel_tol=1e-3, abs_tol=1e-6):  # another machine rounds differently
        raise CourseError(
            f"{path} was made with another loss, other images or a model that computes something else: on the same "
            f"images the loss was {expected:.6g}, now {found:.6g}. {advice}"
        )
    training.history, training.random = history, random


def _kind(training):
    """What must not change on the way: to go on with other settings would quietly mix two experiments."""
    return {
        "seed": training.seed,
        "batch_size": training.batch_size,
        "lr": training.lr,
        "images": (len(training.train), round(float(training.train.tensors[0].cpu().mean(dtype=torch.double)), 6)),
        "model": str(training.model),
        # where it ends decides the learning rate from the start on
        "one_cycle": training.epochs if training.one_cycle else None,
    }


def _probe(training):
    """The loss of the first images under a fixed seed: another loss, or another model, gives another number."""
    first = TensorDataset(*(tensor[: training.batch_size] for tensor in training.train.tensors))
    random = random_states(training.shuffle, training.device)
    torch.manual_seed(training.seed)
    value = evaluate(training.model, first, training.loss)
    set_random_states(random, training.shuffle, training.device)
    return value
