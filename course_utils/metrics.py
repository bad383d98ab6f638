"""Figures that the course reports: per image, each with its unit."""

from sklearn.decomposition import PCA

from course_utils import CourseError
from course_utils.losses import check_same_shape


def squared_error(x_hat, x):
    """Squared error of each image: (B, ...) and (B, ...) -> (B,), summed over pixels (unit: squared ink)."""
    check_same_shape(x_hat, x)
    return (x_hat - x).flatten(1).square().sum(1)


def psnr(x_hat, x):
    """Peak signal-to-noise ratio of each image: (B, ...) and (B, ...) -> (B,) (unit: dB; higher is better).

    10 log10(1 / mean squared error), for pixels from 0 to 1. Equal images have infinitely many dB.
    """
    check_same_shape(x_hat, x)
    return -10 * (x_hat - x).flatten(1).square().mean(1).log10()


def ssim(x_hat, x):
    """Structural similarity of each image, with the Gaussian window of Wang et al. 2004 (1 for equal images).

    Shapes: float images (B, 1, H, W) from 0 to 1, twice, H and W at least 11 -> (B,). No gradient flows through it.
    """
    from skimage.metrics import structural_similarity  # few pages need it

    check_same_shape(x_hat, x)
    if x.ndim != 4 or x.shape[1] != 1 or min(x.shape[2:]) < 11:
        raise CourseError(f"expected images of shape (B, 1, H, W) of at least 11 x 11 pixels, got {tuple(x.shape)}")
    settings = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(x_hat.detach().cpu().squeeze(1).numpy(), x.detach().cpu().squeeze(1).numpy(), strict=True)
    return x.new_tensor([structural_similarity(a, b, **settings) for a, b in pairs])


def pca_reconstruction(train, test, latent_dim):
    """The baseline of every bottleneck: images `test` through the first `latent_dim` principal components of `train`.

    Args:
        train, test: float images (N, 1, 28, 28) and (M, 1, 28, 28).
        latent_dim: how many components, at most min(N, 784).

    Returns:
        Reconstructions (M, 1, 28, 28); not clipped, so some pixels lie outside [0, 1].
    """
    if not 1 <= latent_dim <= min(len(train), train[0].numel()):
        raise CourseError(
            f"latent_dim={latent_dim}: {len(train)} images of {train[0].numel()} pixels "
            f"have 1 to {min(len(train), train[0].numel())} principal components"
        )
    pca = PCA(latent_dim, svd_solver="covariance_eigh").fit(train.flatten(1).numpy())
    x_hat = pca.inverse_transform(pca.transform(test.flatten(1).numpy()))
    return test.new_tensor(x_hat).reshape(test.shape)
