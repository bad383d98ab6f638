"""Figures that the course reports: per image, each with its unit."""

from sklearn.decomposition import PCA

from course_utils import CourseError
from course_utils.losses import check_same_shape


def squared_error(x_hat, x):
    """Squared error of each image: (B, ...) and (B, ...) -> (B,), summed over pixels (unit: squared ink)."""
    check_same_shape(x_hat, x)
    return (x_hat - x).flatten(1).square().sum(1)


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
