"""Training: the loop of notebook 01 with a progress bar, a history, a seed, a device and checkpoints."""

import io
import math
import os
import time
import zipfile
from numbers import Integral, Real
from pathlib import Path

import torch
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

from course_utils import CourseError
from course_utils.files import write_bytes
from course_utils.losses import check_tensors


def best_device():
    """The fastest device that this machine has: "cuda", "mps" (Apple) or "cpu"."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def batches(data, batch_size, generator=None):
    """Batches of a TensorDataset, shuffled if a `generator` is given.

    An ordinary DataLoader asks for one image at a time and glues them together. Here each tensor answers with one
    look-up for a whole batch of indices: the same batches, many times as fast (`python tests/speed.py` says how many).
    """
    order = torch.randperm(len(data), generator=generator) if generator else torch.arange(len(data))
    for indices in order.to(data.tensors[0].device).split(batch_size):
        yield tuple(tensor.index_select(0, indices) for tensor in data.tensors)


def fit(
    model,
    train,
    loss,
    *,
    epochs,
    batch_size=64,
    lr=1e-3,
    one_cycle=False,
    val=None,
    seed=0,
    device=None,
    checkpoint=None,
    progress=True,
):
    """Train `model` with Adam, and return what happened in each epoch.

    Args:
        model: any module. It is trained in place, and comes back on the device it came from.
        train, val: TensorDatasets of (x, y), for example from `data.load`.
        loss: a function of (model, x, y) that returns the mean loss of a batch as a scalar tensor.
        epochs: passes over `train`, counted from the beginning of training.
        one_cycle: let the learning rate rise from lr / 25 to `lr` over the first 30 % of all steps, and then fall
            to almost 0 (Smith and Topin 2018, arXiv:1708.07120): fewer epochs for the same loss.
        seed: fixes the order of the batches and the random numbers that the model draws in training.
        device: "cpu", "cuda" or "mps"; by default the fastest there is.
        checkpoint: a file that is written after each epoch. If it exists, training goes on from it and gives
            the same figures as if it had never stopped; a file that is damaged, or was made with other settings,
            another model, other images or another loss, is refused and left alone.
        progress: whether to show a bar.

    Returns:
        A list with one dict per epoch: "epoch", "train" (mean loss while training), "val" (mean loss after
        the epoch, if `val` is given) and "seconds".
    """
    _check_arguments(model, epochs=epochs, batch_size=batch_size, train=train, **({} if val is None else {"val": val}))
    if isinstance(lr, bool) or not isinstance(lr, Real) or not 0 < lr < math.inf:
        raise CourseError(f"lr={lr!r}: expected a number above 0, for example 1e-3")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**63:
        raise CourseError(f"seed={seed!r}: expected a whole number, 0 or more")
    epochs, batch_size, lr, seed = int(epochs), int(batch_size), float(lr), int(seed)  # NumPy's numbers are welcome
    home = next(model.parameters()).device
    device = best_device() if device is None else _device(device)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)  # one kernel for all weights
    shuffle = torch.Generator().manual_seed(seed)
    # Resuming with other settings would quietly mix two experiments.
    mean = round(float(train.tensors[0].mean(dtype=torch.double)), 6)
    settings = {"seed": seed, "batch_size": batch_size, "lr": lr, "images": (len(train), mean), "model": str(model)}
    settings["one_cycle"] = epochs if one_cycle else None  # where it ends decides the learning rate from the start on
    first = TensorDataset(*(tensor[:batch_size] for tensor in train.tensors))
    schedule = None
    if one_cycle:
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, lr, epochs=epochs, steps_per_epoch=-(-len(train) // batch_size)
        )
    history = []
    data = TensorDataset(*(tensor.to(device) for tensor in train.tensors))
    cuda = [device] if device.type == "cuda" else []

    def probe():
        """The loss of the first images under a fixed seed: another loss, or another model, gives another number."""
        random = _random_states(shuffle, device)
        torch.manual_seed(seed)
        value = evaluate(model, first, loss)
        _set_random_states(random, shuffle, device)
        return value

    # A processor takes many times as long over numbers below 1e-38, which saturated sigmoids bring forth in plenty.
    torch.set_flush_denormal(True)
    try:
        with torch.random.fork_rng(devices=cuda):  # leaves the caller's random numbers as they were
            torch.manual_seed(seed)
            if checkpoint and Path(checkpoint).exists():
                history, random = _resume(checkpoint, settings, epochs, probe, model, optimizer, schedule)
                _set_random_states(random, shuffle, device)
            hidden = not progress or "TQDM_DISABLE" in os.environ  # tqdm's bar for notebooks ignores that variable
            bar = tqdm(
                range(len(history), epochs), "Training", epochs, initial=len(history), unit="epoch", disable=hidden
            )
            for epoch in bar:
                started = time.perf_counter()
                row = {
                    "epoch": epoch + 1,
                    "train": _train_epoch(model, data, loss, optimizer, schedule, batch_size, shuffle),
                }
                if val is not None:
                    row["val"] = evaluate(model, val, loss)
                row["seconds"] = time.perf_counter() - started
                history.append(row)
                bar.set_postfix({name: f"{row[name]:.4g}" for name in ("train", "val") if name in row})
                if checkpoint:
                    random = _random_states(shuffle, device)
                    _save(checkpoint, settings, history, probe(), model, optimizer, schedule, random)
    finally:
        torch.set_flush_denormal(False)
        model.to(home)
    return history


@torch.no_grad()
def evaluate(model, data, loss, batch_size=1000):
    """Mean loss over a TensorDataset, with the model in evaluation mode; the unit is the loss's."""
    _check_arguments(model, batch_size=batch_size, data=data)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    total = 0.0
    try:
        for x, y in batches(data, batch_size):
            total += _scalar(loss(model, x.to(device), y.to(device))).item() * len(x)
    finally:
        model.train(training)
    return total / len(data)


def _train_epoch(model, data, loss, optimizer, schedule, batch_size, shuffle):
    """One pass over the data; returns the mean loss over the images."""
    model.train()
    total = 0.0
    for x, y in batches(data, batch_size, shuffle):
        batch_loss = _scalar(loss(model, x, y))
        if not batch_loss.requires_grad:
            raise CourseError(
                "the loss has no gradient: compute it from what the model returns, without .detach(), .item() or "
                "torch.no_grad()"
            )
        if not torch.isfinite(batch_loss):  # before the step, which would spoil the weights
            raise CourseError(
                f"the loss became {batch_loss.item()}: training has blown up. Try a smaller learning rate than "
                f"{optimizer.defaults['lr']:g}, and look for a log or an exp of something unbounded"
            )
        optimizer.zero_grad()
        batch_loss.backward()
        optimizer.step()
        if schedule:
            schedule.step()
        total += batch_loss.detach() * len(x)
    return float(total) / len(data)


def _device(name):
    """The device of this name, or a CourseError where this machine has none."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CourseError(f"device={name!r} cannot be used ({reason}): expected 'cpu', 'cuda' or 'mps'") from error


def _scalar(value):
    """The loss of a batch, or a CourseError where it is not one number."""
    if not isinstance(value, torch.Tensor) or value.ndim:
        got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise CourseError(f"the loss should return one number, a tensor without dimensions, got {got}: use .mean()")
    return value


def _check_arguments(model, *, batch_size, epochs=1, **sets):
    if next(model.parameters(), None) is None:
        raise CourseError("the model has no parameters, so there is nothing to train")
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise CourseError(f"{name}={value!r}: expected a whole number of at least 1")
    for name, data in sets.items():
        if not isinstance(data, TensorDataset) or len(data.tensors) != 2 or len(data) == 0:
            raise CourseError(
                f"{name} should be a TensorDataset of images and labels with at least one image, for example from "
                "data.load"
            )
        check_tensors(data.tensors[0])
        if not torch.isfinite(data.tensors[0]).all():
            raise CourseError(f"{name} contains NaN or infinity: look for a division by zero before this point")


def _save(path, settings, history, probe, model, optimizer, schedule, random):
    """Everything that the next epoch depends on."""
    content = io.BytesIO()
    torch.save(
        {
            "settings": settings,
            "history": history,
            "probe": probe,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule and schedule.state_dict(),
            "random": random,
        },
        content,
    )
    write_bytes(path, content.getvalue())


def _resume(path, settings, epochs, probe, model, optimizer, schedule):
    """Put model and optimizer back to where `_save` left them; returns the history and the random states."""
    advice = f"Delete {path} to train from the beginning, or name another file."
    try:
        content = Path(path).read_bytes()
        if damaged := zipfile.ZipFile(io.BytesIO(content)).testzip():  # compares checksums, which torch.load does not
            raise ValueError(f"the checksum of {damaged} is wrong")
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        saved, history, expected, random = (state[key] for key in ("settings", "history", "probe", "random"))
    except Exception as error:  # a damaged file fails in whichever way its bytes lead to
        raise CourseError(f"{path} is not a checkpoint of this course, or is damaged. {advice}") from error
    if saved != settings:
        different = [f"{k} was {saved.get(k)!r}, now {v!r}" for k, v in settings.items() if saved.get(k) != v]
        raise CourseError(f"{path} was made with other settings ({'; '.join(different)}). {advice}")
    if len(history) > epochs:
        raise CourseError(
            f"{path} has already trained {len(history)} epochs, more than the {epochs} asked for. {advice}"
        )
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if schedule:
            schedule.load_state_dict(state["schedule"])
    except Exception as error:  # weights of other shapes, or parts that are missing
        raise CourseError(f"{path} does not fit this model: {' '.join(str(error).split())} {advice}") from error
    if not math.isclose(probe(), expected, rel_tol=1e-3, abs_tol=1e-6):  # another machine rounds differently
        raise CourseError(
            f"{path} was made with another loss, other images or a model that computes something else: on the same "
            f"images the loss was {expected:.6g}, now {probe():.6g}. {advice}"
        )
    return history, random


def _random_states(shuffle, device):
    """The states of all random number generators that training draws from."""
    random = {"shuffle": shuffle.get_state(), "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        random["mps"] = torch.mps.get_rng_state()
    return random


def _set_random_states(random, shuffle, device):
    shuffle.set_state(random["shuffle"])
    torch.set_rng_state(random["cpu"])
    if device.type == "cuda" and "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], device)
    if device.type == "mps" and "mps" in random:
        torch.mps.set_rng_state(random["mps"])
