"""Where an answer makes its tensors: what a judge can see of a GPU without having one."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MAKERS = (torch.randn, torch.rand, torch.empty, torch.zeros, torch.ones, torch.eye, torch.normal)


class Places(TorchFunctionMode):
    """Watches whether a tensor is made on the processor, and stays there, wherever the images are."""

    stays = False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in MAKERS:  # `normal` may be given a tensor, and makes its own where that one is
            beside = any(isinstance(value, Tensor) for value in (*args, *kwargs.values()))
            self.stays = kwargs.get("device") is None and not beside
        elif function in (Tensor.to, Tensor.cuda, Tensor.type_as):
            self.stays = False
        return function(*args, **kwargs)
