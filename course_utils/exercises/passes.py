"""What passes through the layers of a learner's network."""

import torch
from torch import Tensor, nn


def passes(model: nn.Module, x: Tensor, kinds: type | tuple[type, ...]) -> list[tuple[Tensor, Tensor]]:
    """(what comes in, what goes out) of each layer of these kinds, in the order in which the images pass through."""
    seen: list[tuple[Tensor, Tensor]] = []
    # Copies: an activation that works in place would change what was kept.
    hooks = [
        layer.register_forward_hook(lambda _, into, out: seen.append((into[0].clone(), out.clone())))
        for layer in model.modules()
        if isinstance(layer, kinds)
    ]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
