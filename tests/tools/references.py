"""Figures computed another way, with NumPy and SciPy and as the papers write them, to compare ours with."""

import numpy as np
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.special import xlog1py, xlogy
from torch.nn import functional as F


def ssim_by_formula(a, b):
    """SSIM of Wang et al. 2004, equation 13, with their window: 11 x 11 pixels, Gaussian, sigma 1.5."""
    bell = torch.exp(-(torch.arange(-5.0, 6) ** 2) / (2 * 1.5**2)).double()
    window = (bell[:, None] * bell / bell.sum() ** 2)[None, None]
    mean_a, mean_b, aa, bb, ab = (F.conv2d(i, window) for i in (a, b, a * a, b * b, a * b))
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    contrast = 2 * (ab - mean_a * mean_b) + 0.03**2
    return (luminance * contrast / (aa - mean_a**2 + bb - mean_b**2 + 0.03**2)).mean((1, 2, 3))


def cross_entropy(p, y):
    """Binary cross-entropy of all pixels, whose logarithms PyTorch lets go no lower than -100."""
    with np.errstate(divide="ignore"):
        return -(np.maximum(xlogy(y, p), -100 * y) + np.maximum(xlog1py(1 - y, -p), -100 * (1 - y))).sum()


def kl_divergence(mu, logvar):
    return 0.5 * (mu**2 + np.expm1(logvar) - logvar)


def principal_components(train, test, count):
    """Rows of `test` through the first principal components of the rows of `train`."""
    mean = train.mean(0)
    axes = np.linalg.svd(train - mean, full_matrices=False)[2][:count]
    return mean + (test - mean) @ axes.T @ axes


def frechet_distance(a, b):
    difference, cov_a, cov_b = a.mean(0) - b.mean(0), np.cov(a.T).reshape(2 * (a.shape[1],)), np.cov(b.T)
    cov_b = cov_b.reshape(cov_a.shape)
    return difference @ difference + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)


def share_inside(points, centres, k):
    """The share of points that are no further from some centre than that one's k-th neighbour."""
    radius = np.sort(cdist(centres, centres), axis=1)[:, k]  # the nearest is the centre itself
    return (cdist(points, centres) <= radius).any(1).mean()


def coverage(real, fake, k):
    """The share of real points that have a sample no further away than their own k-th real neighbour."""
    radius = np.sort(cdist(real, real), axis=1)[:, k]  # the nearest is the point itself
    return (cdist(real, fake).min(1) <= radius).mean()
