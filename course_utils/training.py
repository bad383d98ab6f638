"""Training: the loop of page 01 with a progress bar, a history, a seed and a device."""

import math
import os
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.utils.data import TensorDataset
from tqdm.auto import tqdm

from course_utils import CourseError
from course_utils.support.guards import (
    explained,
    require_loss,
    require_model,
    require_pairs,
    require_parameters,
    require_positive,
    require_scalar_loss,
    require_seed,
    require_trainable,
    require_whole,
)

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def best_device() -> torch.device:
    """The fastest device that this machine has: "cuda", "mps" (Apple) or "cpu"."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def batches(data: TensorDataset, batch_size: int, generator: torch.Generator | None = None) -> Iterator[tuple]:
    """Batches of a TensorDataset, shuffled if a `generator` is given.

    An ordinary DataLoader asks for one image at a time and glues them together. Here each tensor answers with one
    look-up for a whole batch of indices: the same batches, many times as fast (`python tests/tools/speed.py` says how
    many).
    """
    order = (
        torch.randperm(len(data), generator=generator, device="cpu")
        if generator
        else torch.arange(len(data), device="cpu")
    )
    for indices in order.to(data.tensors[0].device).split(int(batch_size)):
        yield tuple(tensor.index_select(0, indices) for tensor in data.tensors)


def fit(
    model: nn.Module,
    train: TensorDataset,
    loss: Loss,
    *,
    epochs: int,
    batch_size: int = 64,
    lr: float = 1e-3,
    one_cycle: bool = False,
    val: TensorDataset | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> list[dict]:
    """Train `model` with Adam, and return what happened in each epoch.

    Args:
        model: any module. It is trained in place, and comes back on the device it came from.
        train, val: TensorDatasets of (x, y), for example from `data.load`.
        loss: a function of (model, x, y) that returns the mean loss of a batch as a scalar tensor.
        epochs: passes over `train`.
        one_cycle: let the learning rate rise from lr / 25 to `lr` over the first 30 % of all steps, and then fall
            to almost 0 (Smith and Topin 2018, arXiv:1708.07120): fewer epochs for the same loss.
        seed: fixes the order of the batches and the random numbers that the model draws in training.
        device: "cpu", "cuda" or "mps"; by default the fastest there is.
        progress: whether to show a bar.

    Returns:
        A list with one dict per epoch: "epoch", "train" (mean loss while training), "val" (mean loss after
        the epoch, if `val` is given) and "seconds". `resuming.fit_resumable` does the same in parts.
    """
    training = Training(
        model, train, loss, epochs=epochs, batch_size=batch_size, lr=lr, one_cycle=one_cycle, seed=seed, device=device
    )
    return training.run(val, progress)


class Training:
    """A training between two epochs: whatever the next one depends on.

    Attributes:
        history: a dict for each epoch so far.
        random: the states of the random number generators to go on with; None at the beginning.
        optimizer, schedule: Adam, and a one-cycle learning rate or None.
    """

    def __init__(
        self,
        model: nn.Module,
        train: TensorDataset,
        loss: Loss,
        *,
        epochs: int,
        batch_size: int = 64,
        lr: float = 1e-3,
        one_cycle: bool = False,
        seed: int = 0,
        device: str | torch.device | None = None,
    ) -> None:
        require_parameters(model)
        require_whole(epochs=epochs, batch_size=batch_size)
        require_pairs("train", train)
        require_positive(lr=lr)
        require_seed(seed)
        require_loss(loss)
        self.model, self.train, self.loss = model, train, loss
        self.epochs, self.batch_size, self.lr, self.seed = int(epochs), int(batch_size), float(lr), int(seed)
        self.one_cycle = one_cycle
        self.home = next(model.parameters()).device
        self.device = best_device() if device is None else _device(device)
        model.to(self.device)
        self.parameters = list(model.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.lr, fused=True)  # one kernel for all weights
        self.schedule = None
        if one_cycle:
            steps = math.ceil(len(train) / self.batch_size)
            self.schedule = torch.optim.lr_scheduler.OneCycleLR(
                self.optimizer, self.lr, epochs=self.epochs, steps_per_epoch=steps
            )
        self.shuffle = torch.Generator().manual_seed(self.seed)
        self.history: list[dict] = []
        self.random: dict[str, Tensor] | None = None

    def run(
        self, val: TensorDataset | None, progress: bool, after_epoch: Callable[[], None] | None = None
    ) -> list[dict]:
        """Train to the end, calling `after_epoch()` after each epoch; returns the history."""
        try:
            if val is not None:
                require_pairs("val", val)
            data = TensorDataset(*(tensor.to(self.device) for tensor in self.train.tensors))
            hidden = not progress or "TQDM_DISABLE" in os.environ  # tqdm's bar for notebooks ignores that variable
            done = len(self.history)
            bar = tqdm(range(done, self.epochs), "Training", self.epochs, initial=done, unit="epoch", disable=hidden)
            # A processor takes many times as long over numbers below 1e-38, which saturated sigmoids bring forth in
            # plenty.
            torch.set_flush_denormal(True)
            # Leaves the caller's random numbers as they were.
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                torch.manual_seed(self.seed)
                if self.random:
                    set_random_states(self.random, self.shuffle, self.device)
                for epoch in bar:
                    started = time.perf_counter()
                    row = {"epoch": epoch + 1, "train": self._epoch(data)}
                    if val is not None:
                        row["val"] = evaluate(self.model, val, self.loss)
                    row["seconds"] = time.perf_counter() - started
                    self.history.append(row)
                    bar.set_postfix({name: f"{row[name]:.4g}" for name in ("train", "val") if name in row})
                    if after_epoch:
                        after_epoch()
        finally:
            torch.set_flush_denormal(False)
            self.model.to(self.home)
        return self.history

    def _epoch(self, data):
        """One pass over the data; returns the mean loss over the images."""
        self.model.train()
        total = 0.0
        with explained(self.model, data.tensors[0], self.batch_size):
            for x, y in batches(data, self.batch_size, self.shuffle):
                batch_loss = self.loss(self.model, x, y)
                require_scalar_loss(batch_loss)
                value = batch_loss.item()
                require_trainable(batch_loss, value, self.lr)
                for parameter in self.parameters:
                    parameter.grad = None  # as zero_grad() does it, which takes a fortieth of a small step's time
                batch_loss.backward()
                self._step()
                if self.schedule:
                    self.schedule.step()
                total += value * len(x)
        return total / len(data)

    @torch.no_grad()
    def _step(self):
        """What `optimizer.step()` does, without its records for profilers: a twentieth of a small step's time."""
        gradients: dict[Tensor, Tensor] = {p: p.grad for p in self.parameters if p.grad is not None}
        if any(parameter not in self.optimizer.state for parameter in gradients):
            self.optimizer.step()  # which sets up the running means that Adam keeps for each weight
            return
        group, kept = self.optimizer.param_groups[0], [self.optimizer.state[parameter] for parameter in gradients]
        adam(
            list(gradients),
            list(gradients.values()),
            [means["exp_avg"] for means in kept],
            [means["exp_avg_sq"] for means in kept],
            [],
            [means["step"] for means in kept],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            **{name: group[name] for name in ("lr", "eps", "weight_decay", "amsgrad", "maximize", "fused")},
        )


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset, loss: Loss, batch_size: int = 1000) -> float:
    """Mean loss over a TensorDataset, with the model in evaluation mode; the unit is the loss's."""
    require_model(model)
    require_whole(batch_size=batch_size)
    require_pairs("data", data)
    require_loss(loss)
    device = next(model.parameters(), data.tensors[0]).device  # a filter, for example, has no parameters
    training = model.training
    model.eval()
    total = 0.0
    try:
        with explained(model, data.tensors[0], batch_size):
            for x, y in batches(data, batch_size):
                batch_loss = loss(model, x.to(device), y.to(device))
                require_scalar_loss(batch_loss)
                total += batch_loss.item() * len(x)
    finally:
        model.train(training)
    return total / len(data)


def random_states(shuffle: torch.Generator, device: torch.device) -> dict[str, Tensor]:
    """The states of all random number generators that training draws from."""
    random = {"shuffle": shuffle.get_state(), "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        random["mps"] = torch.mps.get_rng_state()
    return random


def set_random_states(random: dict[str, Tensor], shuffle: torch.Generator, device: torch.device) -> None:
    """Put them back."""
    shuffle.set_state(random["shuffle"])
    torch.set_rng_state(random["cpu"])
    if device.type == "cuda" and "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], device)
    if device.type == "mps" and "mps" in random:
        torch.mps.set_rng_state(random["mps"])


def _device(name):
    """The device of this name, or a CourseError where this machine has none."""
    try:
        device = torch.zeros(1, device=name).device
        if device.type == "meta":  # a model would lose its weights there
            raise ValueError("it holds no numbers")
        return device
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CourseError(f"device={name!r} cannot be used ({reason}): expected 'cpu', 'cuda' or 'mps'") from error
