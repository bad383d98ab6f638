import pytest
import torch
from torch.utils.data import TensorDataset

from course_utils.diagrams import drawing
from course_utils.models import Autoencoder


@pytest.fixture
def data():
    """A hundred images of noise, with labels."""
    x = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, torch.arange(100) % 10)


@pytest.fixture
def model():
    """A small autoencoder, the same each time."""
    torch.manual_seed(0)
    return Autoencoder(latent_dim=4, hidden_dim=8)


@pytest.fixture
def shown(monkeypatch):
    """What drawings displayed: a list of bundles."""
    bundles = []
    monkeypatch.setattr(drawing, "display", lambda bundle, **_: bundles.append(bundle))
    return bundles
