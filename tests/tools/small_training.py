"""What tests of training share: a loss, settings that are soon done, a history without its seconds, PyTorch's loop."""

import torch

from course_utils.losses import mse

SETTINGS = {"epochs": 3, "batch_size": 32, "device": "cpu", "progress": False}


def loss(model, x, y):
    return mse(model(x), x)


def figures(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history]


def by_hand(model, x, epochs, batch_size, lr, seed, one_cycle):
    """The mean losses of epochs of Adam on the squared error, written out."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps = -(-len(x) // batch_size) * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps) if one_cycle else None
    generator, means = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        total = 0.0
        for indices in torch.randperm(len(x), generator=generator).split(batch_size):
            loss = ((model(x[indices]) - x[indices]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
            total += loss.item() * len(indices)
        means.append(total / len(x))
    return means
