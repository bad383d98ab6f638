"""Typical wrong answers to the exercises of page 11, and what each should be told."""

from torch.nn import functional as F


def weight_ratio(by_pixels, by_latents, by_batch):
    """The hidden beta of page 11, or a version that forgets to divide by one of the sizes."""

    def weight(reduction, size, batch_size):
        batch_size = batch_size if by_batch else 1
        return {"sum": 1, "batchmean": 1 / batch_size, "mean": 1 / (batch_size * size)}[reduction]

    def answer(recon, kl, pixels, latent_dim, batch_size):
        latent_weight = weight(kl, latent_dim if by_latents else 1, batch_size)
        return latent_weight / weight(recon, pixels if by_pixels else 1, batch_size)

    return answer


def negative_elbo(reduction="sum", per=True, sign=1, scale=1, over=None):
    """The negative ELBO of page 11, or a version of it with a mistake."""

    def vae_loss(recon_x, x, mu, logvar):
        recon = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction=reduction)
        kl = 0.5 * (mu**2 + (scale * logvar).exp() - logvar - 1).sum()
        return recon / (len(x) if per and reduction == "sum" else 1) + sign * kl / (over or (len(x) if per else 1))

    return vae_loss


WRONG = [
    ("11-hidden-beta", lambda recon, kl, **sizes: 1.0, "look at each weight alone"),
    ("11-hidden-beta", lambda recon, kl, **sizes: 784.0, "nothing is hidden"),
    ("11-hidden-beta", lambda *a, **k: 1 / weight_ratio(True, True, True)(*a, **k), "upside down"),
    ("11-hidden-beta", weight_ratio(True, True, False), 'recon="sum", kl="batchmean"'),
    ("11-hidden-beta", weight_ratio(True, False, True), 'recon="sum", kl="mean"'),
    (
        "11-hidden-beta",
        lambda r, k, pixels, latent_dim, batch_size: weight_ratio(True, True, True)(r, k, 12, 5, 7),
        "use the sizes",
    ),
    ("11-mended-loss", negative_elbo("mean"), "mean over the pixels"),
    ("11-mended-loss", negative_elbo(per=False), "the reconstruction is the sum over all images"),
    ("11-mended-loss", negative_elbo(sign=-1), "the KL has the wrong sign"),
    ("11-mended-loss", negative_elbo(sign=-1, scale=2), "the KL has the wrong sign"),
    ("11-mended-loss", negative_elbo(scale=2), "logarithm of sigma"),
    ("11-mended-loss", negative_elbo(over=1), "the KL is the sum over all images"),
    ("11-mended-loss", negative_elbo(over=18), "averaged over the latent dimensions"),
    ("11-mended-loss", negative_elbo(over=3), "twice too large"),
    ("11-mended-loss", negative_elbo(over=5), "not the one of the formula"),
    ("11-mended-loss", lambda r, x, m, lv: 1.0, "expected one number, as a tensor"),
    (
        "11-mended-loss",
        lambda r, x, m, lv: ((r - x.view(-1, 784)) ** 2).sum(),
        "only the reconstruction should",
    ),
    ("11-active-units", lambda mu: mu.var(0) > 0.01, "one number was asked for"),
    ("11-active-units", lambda mu: int((mu.std(0) > 0.01).sum()), "limit for the variance"),
    ("11-active-units", lambda mu: int(((mu**2).mean(0) > 0.01).sum()), "around its own average"),
    ("11-active-units", lambda mu: int((mu.mean(0).abs() > 0.01).sum()), "where the means lie"),
    ("11-active-units", lambda mu: int((mu.mean(0) > 0.01).sum()), "where the means lie"),
    ("11-active-units", lambda mu: int((mu.var(0) < 0.01).sum()), "units that sleep"),
    ("11-active-units", lambda mu: mu.shape[1], "every unit counts"),
    ("11-active-units", lambda mu: int((mu.var() > 0.01).sum()), "one variance of all numbers"),
    ("11-active-units", lambda mu: int((mu.var(1) > 0.01).sum()), "counts images"),
    ("11-active-units", lambda mu: (mu.var(0) > 0.01).float().mean(), "this is a share"),
    ("11-active-units", lambda mu: int((mu.var(0) > 0.1).sum()), "another limit"),
    ("11-active-units", lambda mu: int((mu > 0.01).sum()), "example of hint 2"),
    ("11-active-units", lambda mu: mu.var(0).sum(), "example of hint 2"),
    ("11-active-units", lambda mu: int((mu[:, :11].var(0) > 0.01).sum()) + 6 * (len(mu) < 40), "not for another"),
    ("11-active-units", lambda mu: 6, "not for another"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).clamp(min=floor), "expected one number"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).clamp(min=floor).sum().item(), "expected one number"),
    ("11-free-bits", lambda kl, floor: kl.sum(1).mean(), "plain KL"),
    ("11-free-bits", lambda kl, floor: kl.clamp(min=floor).sum(1).mean(), "mean over the images first"),
    ("11-free-bits", lambda kl, floor: kl.sum(1).mean().clamp(min=floor * kl.shape[1]), "for the whole code"),
    ("11-free-bits", lambda kl, floor: kl.sum(1).clamp(min=floor * kl.shape[1]).mean(), "each image's whole code"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).clamp(max=floor).sum(), "ceiling"),
    ("11-free-bits", lambda kl, floor: (kl.mean(0) - floor).clamp(min=0).sum(), "taken away"),
    ("11-free-bits", lambda kl, floor: F.threshold(kl.mean(0), floor, 0).sum(), "should be the floor"),
    ("11-free-bits", lambda kl, floor: (kl.mean(0) + floor).sum(), "added"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).clamp(min=floor).mean(), "mean over the dimensions"),
    ("11-free-bits", lambda kl, floor: kl.sum(0).clamp(min=floor).sum(), "this is a sum over the images"),
    ("11-free-bits", lambda kl, floor: len(kl) * kl.mean(0).clamp(min=floor).sum(), "before the sum over the images"),
    ("11-free-bits", lambda kl, floor: kl.mean(1).clamp(min=floor).sum(), "under each image"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).clamp(min=0.5).sum() + 0 * floor + (len(kl) == 2), "not for another"),
    ("11-free-bits", lambda kl, floor: kl.detach().mean(0).clamp(min=floor).sum(), "no gradient"),
    ("11-free-bits", lambda kl, floor: kl.mean(0).exp().clamp(min=floor).sum(), "example of hint 2"),
]
