"""Page 02's three broken VAEs: each has one fault, and is to be told from its curves. (Do not read on before!)"""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.models import VAE
from course_utils.support.devices import on_cpu
from course_utils.training import batches

EVERY = 5  # steps from one point of a curve to the next


@on_cpu
def curves_of(patient: str, train: torch.utils.data.TensorDataset, steps: int, seed: int = 0) -> dict[str, list[float]]:
    """Train a small VAE with the fault of `patient` ("A", "B" or "C"; anything else has none), and watch it.

    Both terms are added up as they should be, whatever the fault; `z` is drawn as the patient draws it. They end where
    the KL passes a thousand nats: from there it goes to infinity.

    Returns:
        "step", and for the batch of that step "reconstruction" and "KL", in nats per image.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, order = VAE(), torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        seen: dict[str, list[float]] = {"step": [], "reconstruction": [], "KL": []}
        step = 0
        while step < steps:
            for x, _ in batches(train, 64, order):
                step += 1
                mu, logvar = model.encode(x.flatten(1))
                copies, terms = _terms(model, x.flatten(1), mu, logvar, patient)
                row = copies.sum(1).mean().item(), terms.sum(1).mean().item()
                if not row[1] < 1_000:  # NaN as well
                    return seen
                if step % EVERY == 0 or step == 1:
                    for name, value in zip(seen, (step, *row), strict=True):
                        seen[name].append(value)
                optimizer.zero_grad()
                _loss(copies, terms, patient).backward()
                optimizer.step()
                if step == steps:
                    break
        return seen


def _terms(model: VAE, x: Tensor, mu: Tensor, logvar: Tensor, patient: str) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each pixel (B, 784), and KL of each number (B, 20)."""
    sigma = logvar if patient == "A" else (0.5 * logvar).exp()
    recon = model.decode(mu + sigma * torch.randn_like(mu))
    return F.binary_cross_entropy(recon, x, reduction="none"), 0.5 * (mu**2 + logvar.exp() - logvar - 1)


def _loss(copies: Tensor, terms: Tensor, patient: str) -> Tensor:
    copy = copies.sum(0 if patient == "C" else 1).mean()
    return copy - terms.sum(1).mean() if patient == "B" else copy + terms.sum(1).mean()
