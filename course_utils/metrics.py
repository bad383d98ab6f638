"""Figures that the course reports, each with its unit: of images, of samples and of likelihoods."""

import math
from collections.abc import Callable
from numbers import Integral

import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from course_utils import CourseError
from course_utils.losses import full
from course_utils.support.guards import (
    require_batch,
    require_image_pairs,
    require_positive,
    require_same_shape,
    require_seed,
    require_tensors,
    require_unit_range,
    require_whole,
)
from course_utils.support.words import described


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Squared error of each image: (B, ...) and (B, ...) -> (B,), summed over pixels (unit: squared ink)."""
    require_image_pairs(x_hat, x)
    return (full(x_hat) - full(x)).flatten(1).square().sum(1)


def psnr(x_hat: Tensor, x: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image: (B, ...) and (B, ...) -> (B,) (unit: dB; higher is better).

    10 log10(1 / mean squared error), for pixels `x` from 0 to 1. Equal images have infinitely many dB.
    """
    require_image_pairs(x_hat, x)
    require_unit_range(x, "x")
    return -10 * (full(x_hat) - full(x)).flatten(1).square().mean(1).log10()


def ssim(x_hat: Tensor, x: Tensor) -> Tensor:
    """Structural similarity of each image, with the Gaussian window of Wang et al. 2004 (1 for equal images).

    Shapes: float images (B, 1, H, W) from 0 to 1, twice, H and W at least 11 -> (B,). No gradient flows through it.
    """
    from skimage.metrics import structural_similarity  # few pages need it

    require_image_pairs(x_hat, x)
    require_unit_range(x, "x")
    if x.ndim != 4 or x.shape[1] != 1 or min(x.shape[2:]) < 11:
        raise CourseError(f"expected images of shape (B, 1, H, W) of at least 11 x 11 pixels, got {tuple(x.shape)}")
    settings = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    arrays = [full(image.detach().cpu()).numpy() for image in (x_hat, x)]
    return full(x[:0]).new_tensor([structural_similarity(a[0], b[0], **settings) for a, b in zip(*arrays, strict=True)])


def pca_reconstruction(train: Tensor, test: Tensor, latent_dim: int) -> Tensor:
    """The baseline of every bottleneck: images `test` through the first `latent_dim` principal components of `train`.

    Args:
        train, test: float images (N, 1, 28, 28) and (M, 1, 28, 28).
        latent_dim: how many components, at most min(N, 784).

    Returns:
        Reconstructions (M, 1, 28, 28); not clipped, so some pixels lie outside [0, 1].
    """
    require_image_pairs(train, train)
    require_image_pairs(test, test)
    require_same_shape(train[:1], test[:1])
    whole = isinstance(latent_dim, Integral) and not isinstance(latent_dim, bool)
    if not whole or not 1 <= latent_dim <= min(len(train), train[0].numel()):
        raise CourseError(
            f"latent_dim={latent_dim!r}: {len(train)} images of {train[0].numel()} pixels "
            f"have 1 to {min(len(train), train[0].numel())} principal components"
        )
    train_rows, test_rows = (full(images.detach().cpu()).flatten(1).numpy() for images in (train, test))
    pca = PCA(int(latent_dim), svd_solver="covariance_eigh").fit(train_rows)
    x_hat = pca.inverse_transform(pca.transform(test_rows))
    return full(test[:0]).new_tensor(x_hat).reshape(test.shape)


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Fréchet distance between two clouds of features, each taken for a normal distribution (Heusel et al. 2017).

    |mean_a - mean_b|^2 + trace(A + B - 2 (A B)^(1/2)) with the covariances A and B (unit: squared distance of
    features). It is 0 for equal means and covariances, whatever else differs, and it falls with the number of samples
    even when nothing else changes: compare only figures of equally many.

    Args:
        a, b: float features (N, D) and (M, D), N and M above D, or a covariance could not be estimated.

    Returns:
        A number.
    """
    a, b = _features(a, b)
    _require_enough(a, b, a.shape[1] + 1, why="as many as features, and one more, make a full covariance")
    cov_a, cov_b = (torch.cov(x.T).view(x.shape[1], -1) for x in (a, b))  # (D, D), also for D = 1
    # A B is not symmetric, but has the eigenvalues of the symmetric root_a B root_a, which are computed safely.
    values, axes = torch.linalg.eigh(cov_a)
    root_a = axes * values.clamp(min=0).sqrt() @ axes.T
    root = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    return float((a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * root)


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """How many samples are believable, and how much of the real data they cover (Kynkäänniemi et al. 2019).

    Around each point of a set lies a ball that reaches to its k-th neighbour in the same set. Precision is the share
    of `fake` inside at least one ball of `real`, recall the share of `real` inside at least one ball of `fake`.

    Args:
        real, fake: float features (N, D) and (M, D), N and M above k.
        k: which neighbour sets the radius.

    Returns:
        Precision and recall, two numbers from 0 to 1. Both depend on N and M.
    """
    require_whole(k=k)
    real, fake = _features(real, fake)
    _require_enough(real, fake, k + 1, why=f"each needs {k} neighbours")
    return _share_inside(fake, real, k), _share_inside(real, fake, k)


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> float:
    """How much of the real data has a sample near it (Naeem et al. 2020, arXiv:2002.09797).

    Around each point of `real` lies a ball that reaches to its k-th neighbour in `real`. Coverage is the share of
    these balls that hold at least one of `fake`. No sample can widen a ball, so that scattered samples gain nothing,
    as they do in recall. Of two sets of the same kind and size a share of 1 - 2^-k is expected: a ball stays empty
    where the k nearest to its centre, of both sets, are all real.

    Args:
        real, fake: float features (N, D) and (M, D), N above k, M at least 1.
        k: which neighbour sets the radius.

    Returns:
        A number from 0 to 1. It depends on N and M.
    """
    require_whole(k=k)
    real, fake = _features(real, fake)
    _require_enough(real, real, k + 1, why=f"each real one needs {k} neighbours")
    if not len(fake):
        raise CourseError("the second set has 0 samples, expected at least 1: without samples nothing is covered")
    radius = NearestNeighbors(n_neighbors=k).fit(real.numpy()).kneighbors()[0][:, -1]  # a point is not its own
    nearest = NearestNeighbors(n_neighbors=1).fit(fake.numpy()).kneighbors(real.numpy())[0][:, 0]
    return float((nearest <= radius).mean())


def _share_inside(points, centres, k):
    """The share of `points` in at least one of the balls around `centres`, each as wide as its k-th neighbour."""
    radius = NearestNeighbors(n_neighbors=k).fit(centres.numpy()).kneighbors()[0][:, -1]  # a point is not its own
    radius = torch.from_numpy(radius)
    inside = [(torch.cdist(part, centres) <= radius).any(1) for part in points.split(1_000)]
    return torch.cat(inside).double().mean().item()


def _features(a, b):
    """Both as double tensors on the CPU, or a CourseError that says which is at fault."""
    require_tensors(a, b)
    for name, value in (("first", a), ("second", b)):
        if value.ndim != 2 or not value.is_floating_point() or value.shape[1] != b.shape[-1] or not value.shape[1]:
            raise CourseError(
                f"expected float features of shapes (N, D) and (M, D), got {tuple(a.shape)} and {tuple(b.shape)} "
                f"({a.dtype}, {b.dtype}): use flatten(1) on images, or a classifier's features"
            )
        if not (value.abs() < 1e50).all():  # true of NaN as well; the squares of larger ones could overflow
            raise CourseError(
                f"the {name} set contains NaN or infinity, or numbers beyond 1e50: look at the images it was made from"
            )
    return a.detach().cpu().double(), b.detach().cpu().double()


def _require_enough(a, b, at_least, why):
    for name, value in (("first", a), ("second", b)):
        if len(value) < at_least:
            raise CourseError(f"the {name} set has {len(value)} samples, expected at least {at_least}: {why}")


def _mu_and_logvar(encoded):
    """What an encoder returned, or a CourseError where it is not two tensors (B, latent_dim)."""
    if not isinstance(encoded, tuple | list) or len(encoded) != 2:
        raise CourseError(f"encode should return two tensors, mu and logvar (B, latent_dim), got {described(encoded)}")
    require_same_shape(*encoded)
    require_batch(encoded[0])
    return encoded


@torch.no_grad()
def log_likelihood(
    x: Tensor,
    encode: Callable[[Tensor], tuple[Tensor, Tensor]],
    log_p: Callable[[Tensor, Tensor], Tensor],
    samples: int = 1_000,
    prior_std: float = 1.0,
    seed: int = 0,
) -> Tensor:
    """log p(x) of each image under a VAE, estimated by importance sampling (Burda et al. 2016, arXiv:1509.00519).

    p(x) is the mean of p(x | z) p(z) / q(z | x) over z from q(z | x). The logarithm of such a mean over finitely many
    z lies, on average, below log p(x): with one z it is the ELBO, with more it rises towards the truth. The z are drawn
    and forgotten a hundred at a time, so any number fits into memory.

    Args:
        x: images (N, ...), as `encode` and `log_p` want them.
        encode: function of images (B, ...) that returns mu and logvar (B, latent_dim) of q(z | x), a normal
            distribution.
        log_p: function of images (B, ...) and codes (S, B, latent_dim) that returns log p(x | z) (S, B), in nats.
        samples: how many z for each image.
        prior_std: p(z) is N(0, prior_std^2) in each dimension.
        seed: of the z.

    Returns:
        (N,), float64, on the CPU (unit: nats).
    """
    require_whole(samples=samples)
    require_positive(prior_std=prior_std)
    require_seed(seed)
    require_same_shape(x, x)
    generator = torch.Generator(x.device).manual_seed(seed)
    parts = []
    for part in x.split(10):  # 10 images times 100 codes: a batch that the processor's cache holds
        mu, logvar = _mu_and_logvar(encode(part))
        total = torch.full(mu.shape[:1], -math.inf, dtype=torch.double, device="cpu")
        for start in range(0, samples, 100):
            eps = torch.randn((min(100, samples - start), *mu.shape), generator=generator, device=x.device)
            z = mu + (0.5 * logvar).exp() * eps  # (S, B, latent_dim)
            # log p(z) - log q(z | x); the two constants log sqrt(2 pi) cancel
            prior_minus_q = 0.5 * (eps.square() - (z / prior_std).square() + logvar) - math.log(prior_std)
            weight = log_p(part, z)
            if not isinstance(weight, Tensor) or weight.shape != z.shape[:2]:
                raise CourseError(
                    f"log_p should return one number per code and image, {tuple(z.shape[:2])}, "
                    f"but returned {described(weight)}: sum over the pixels only"
                )
            weight = weight.cpu().double() + prior_minus_q.sum(-1).cpu()  # Apple's GPUs have no float64
            total = torch.logaddexp(total, weight.logsumexp(0))  # a sum of exponentials that cannot overflow
        parts.append(total - math.log(samples))
    result = torch.cat(parts)
    if not torch.isfinite(result).all():
        raise CourseError(
            "the likelihood is not finite: an image has no chance under the model, or mu, logvar or log_p is NaN. "
            "Bound logvar, and let the decoder give logits rather than probabilities of exactly 0 or 1"
        )
    return result
