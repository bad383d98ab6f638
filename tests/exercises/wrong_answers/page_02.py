"""Typical wrong answers to the exercises of page 02, and what each should be told."""

import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal
from torch.nn import functional as F


class Right(nn.Module):
    """A VAE as one writes it; the wrong ones differ from it in one place."""

    heads = 20

    def __init__(self, latent_dim):
        super().__init__()
        self.latent_dim = latent_dim
        self.body = nn.Sequential(nn.Linear(784, 50), nn.ReLU())
        self.mu, self.logvar = nn.Linear(50, latent_dim), nn.Linear(50, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 50), nn.ReLU(), nn.Linear(50, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.body(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.decoder(z)

    def draw(self, mu, logvar):
        return mu + (0.5 * logvar).exp() * torch.randn_like(mu)

    def kl(self, mu, logvar):
        return -0.5 * (1 + logvar - mu**2 - logvar.exp())

    def copy(self, recon, x):
        return F.binary_cross_entropy(recon, x, reduction="sum") / len(x)

    def total(self, copy, kl):
        return copy + kl.sum() / len(kl)

    def loss(self, x):
        x = x.flatten(1)
        mu, logvar = self.encode(x)
        return self.total(self.copy(self.decode(self.draw(mu, logvar)), x), self.kl(mu, logvar))


def vae(**methods):
    """The right VAE with some of its methods replaced."""
    return type("MyVAE", (Right,), methods)


class NoModule:
    def __init__(self, latent_dim):
        pass


class InAList(Right):
    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.hidden = [self.body, self.mu, self.logvar, self.decoder]
        for name in ("body", "mu", "logvar", "decoder"):
            delattr(self, name)

    def encode(self, x):
        h = self.hidden[0](x)
        return self.hidden[1](h), self.hidden[2](h)

    def decode(self, z):
        return self.hidden[3](z)


class BodyInAList(Right):
    """One layer is kept in a list: Adam never moves it."""

    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.hidden = [self.body]
        del self.body

    def encode(self, x):
        h = self.hidden[0](x)
        return self.mu(h), self.logvar(h)


class Half(Right):
    """Its encoder is no part of the model, so that Adam never moves it, and its decoder is frozen."""

    def parameters(self, recurse=True):
        return iter([nn.Parameter(torch.zeros(1))])


def proof(text):
    return lambda: text.split()


def gap(p, lik, q):
    return (p * lik).sum().log() - (q * (p * lik / q).log()).sum()


def fitted(z, n, generator=None):
    """A right answer, with the generator's numbers where there is one."""
    root = torch.linalg.cholesky(torch.cov(z.T) + 1e-4 * torch.eye(z.shape[1]))
    return z.mean(0) + torch.randn(n, z.shape[1], generator=generator) @ root.T


def mended(draw=True, sign=True, axis=True):
    """The page's stub with some of its three faults mended."""

    def loss(x, encode, decode):
        mu, logvar = encode(x)
        z = mu + ((0.5 * logvar).exp() if draw else logvar) * torch.randn_like(mu)
        copy = F.binary_cross_entropy(decode(z), x, reduction="none").sum(1 if axis else 0).mean()
        kl = (-0.5 if sign else 0.5) * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return copy + kl

    return loss


WRONG = [
    ("02-gap", lambda p, lik, q: (q * (p * lik / q).log()).sum(), "the ELBO itself"),
    ("02-gap", lambda p, lik, q: (p * lik).sum().log(), "this is log p(x)"),
    ("02-gap", lambda p, lik, q: -gap(p, lik, q), "turned round"),
    ("02-gap", lambda p, lik, q: gap(p, lik, q) / math.log(2), "bits"),
    ("02-gap", lambda p, lik, q: lik.sum().log() - (q * (p * lik / q).log()).sum(), "log p(x) lacks the prior"),
    ("02-gap", lambda p, lik, q: (p * lik).sum().log() - (q * (lik / q).log()).sum(), "the ELBO lacks the prior"),
    ("02-gap", lambda p, lik, q: (p * lik).sum().log() - (q * lik.log()).sum(), "lacks the KL"),
    ("02-gap", lambda p, lik, q: (q * (q / p).log()).sum(), "a term of the ELBO"),
    ("02-gap", lambda p, lik, q: (p * lik).sum().log() - (q * (lik * q / p).log()).sum(), "taken away"),
    ("02-gap", lambda p, lik, q: (p * lik).sum().log() - (p * (p * lik / q).log()).sum(), "weigh each code with q"),
    ("02-gap", lambda p, lik, q: (p * lik / (p @ lik) * (p * lik / (p @ lik) / q).log()).sum(), "averages over q"),
    ("02-gap", lambda p, lik, q: p * lik, "the gap is one number"),
    ("02-gap", lambda p, lik, q: 7.0, "it should be 0.46"),
    ("02-proof", lambda: "B4 D2 C1 A3", "expected a list of texts"),
    ("02-proof", proof("B4 D2 C1"), "should occur once"),
    ("02-proof", proof("B4 D2 C1 A1"), "should occur once"),
    ("02-proof", proof("D2 B4 C1 A3"), "begin with what is wanted"),
    ("02-proof", proof("B4 C1 D2 A3"), "stands above the one that it follows from"),
    ("02-proof", proof("B4 D2 A3 C1"), "the last line"),
    ("02-proof", proof("B4 D1 C2 A3"), "a sign of inequality"),
    ("02-proof", proof("B2 D4 C1 A3"), "not yet all of their reasons"),
    ("02-vae", NoModule, "inherits from nn.Module"),
    ("02-vae", InAList, "has no parameters"),
    ("02-vae", BodyInAList, "some layer is not the model's own"),
    ("02-vae", vae(loss=None), "lacks the method loss"),
    ("02-vae", vae(encode=lambda self, x: self.body(x)), "return two things"),
    ("02-vae", vae(encode=lambda self, x: (self.body(x), self.body(x))), "should both be (6, 20)"),
    ("02-vae", vae(encode=lambda self, x: (self.mu(self.body(x)),) * 2), "a layer each"),
    ("02-vae", vae(encode=lambda self, x: (Right.encode(self, x)[0], Right.encode(self, x)[1].relu())), "same sign"),
    ("02-vae", vae(decode=lambda self, z: self.decoder[:1](z)), "pixels (6, 784)"),
    ("02-vae", vae(decode=lambda self, z: self.decoder[:3](z)), "a sigmoid at the end"),
    ("02-vae", vae(loss=lambda self, x: x.mean()), "`decode` was not called"),
    ("02-vae", vae(draw=lambda self, m, lv: m + (lv / 2).exp()), "where is the random part"),
    ("02-vae", vae(draw=lambda self, m, lv: m + (lv / 2).exp() * torch.rand_like(m)), "randn, not rand"),
    ("02-vae", vae(draw=lambda self, m, lv: m + (lv / 2).exp() * torch.randn(1, 3)), "same noise"),
    ("02-vae", vae(draw=lambda self, m, lv: m + (lv / 2).exp() * torch.randn(len(m), 1)), "same noise"),
    ("02-vae", vae(draw=lambda self, m, lv: m + lv.exp() * torch.randn_like(m)), "which is the variance"),
    ("02-vae", vae(draw=lambda self, m, lv: m + lv * torch.randn_like(m)), "take its exponential"),
    ("02-vae", vae(draw=lambda self, m, lv: m + lv / 2 * torch.randn_like(m)), "take its exponential"),
    ("02-vae", vae(draw=lambda self, m, lv: m + torch.randn_like(m)), "multiply the noise"),
    ("02-vae", vae(draw=lambda self, m, lv: m + (2 * lv).exp() * torch.randn_like(m)), "not the standard deviation"),
    ("02-vae", vae(draw=lambda self, m, lv: torch.normal(m, (lv / 2).exp()).detach()), "no gradient reaches"),
    ("02-vae", vae(draw=lambda self, m, lv: (m + (lv / 2).exp() * torch.randn_like(m))[:, :2]), "the shape of mu"),
    ("02-vae", vae(kl=lambda self, m, lv: 0.5 * (1 + lv - m**2 - lv.exp())), "sign is wrong"),
    ("02-vae", vae(kl=lambda self, m, lv: -(1 + lv - m**2 - lv.exp())), "factor 1/2"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (lv - m**2 - lv.exp())), "the 1 of the KL"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 + lv - m - lv.exp())), "mu is squared"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 + lv - m**2 - lv)), "not logvar itself"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 + lv - m**2 - lv**2)), "not logvar^2"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 + lv - m**2 - lv.exp() ** 2)), "do not square it"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 - lv - m**2 - lv.exp())), "1 - logvar"),
    ("02-vae", vae(kl=lambda self, m, lv: -0.5 * (1 + (lv**2).log() - m**2 - lv.exp())), "log(logvar^2)"),
    (
        "02-vae",
        vae(kl=lambda self, m, lv: -0.5 * (1 + 2 * lv - m**2 - (2 * lv).exp())),
        "not of the standard deviation",
    ),
    ("02-vae", vae(kl=lambda self, m, lv: 0 * m), "the KL is missing"),
    ("02-vae", vae(kl=lambda self, m, lv: m + 3), "its KL is 0.82"),
    ("02-vae", vae(total=lambda self, copy, kl: copy + kl.mean()), "averaged over the numbers of the code"),
    ("02-vae", vae(total=lambda self, copy, kl: copy + kl.sum()), "added up over all images: per image"),
    ("02-vae", vae(total=lambda self, copy, kl: (copy + kl.sum(1).mean()) * len(kl)), "the sum over the batch"),
    ("02-vae", vae(total=lambda self, copy, kl: copy + kl.sum(1)), "should be one number"),
    ("02-vae", vae(copy=lambda self, r, x: F.binary_cross_entropy(r, x)), "averaged over the pixels"),
    (
        "02-vae",
        vae(copy=lambda self, r, x: F.binary_cross_entropy(r, x, reduction="none").sum(0).mean()),
        "over the images",
    ),
    ("02-vae", vae(copy=lambda self, r, x: F.binary_cross_entropy(x, r, reduction="sum") / len(x)), "changed places"),
    ("02-vae", vae(copy=lambda self, r, x: F.mse_loss(r, x, reduction="sum") / len(x)), "a squared error"),
    ("02-vae", Half, "hardly lower it"),
    ("02-fitted", lambda z, n: fitted(z, n).double().numpy(), "a tensor of float32"),
    ("02-fitted", lambda z, n: fitted(z, n)[:, :2], "should be (4000, 4)"),
    ("02-fitted", lambda z, n: fitted(z, n).T, "should be (4000, 4)"),
    ("02-fitted", lambda z, n: fitted(z, n, torch.Generator().manual_seed(0)), "came twice"),
    ("02-fitted", lambda z, n: z[torch.randint(len(z), (n,))], "old codes"),
    ("02-fitted", lambda z, n: fitted(z, 1).expand(n, -1), "the same draw"),
    ("02-fitted", lambda z, n: fitted(z, n) - z.mean(0), "not the mean of z"),
    ("02-fitted", lambda z, n: fitted(z, n) - z.mean(0) + z.mean(), "not the mean of z"),
    ("02-fitted", lambda z, n: z.mean(0) + z.std(0) * torch.randn(n, z.shape[1]), "more than a diagonal"),
    ("02-fitted", lambda z, n: z.mean(0) + torch.randn(n, z.shape[1]) @ torch.cov(z.T), "for its root"),
    ("02-fitted", lambda z, n: z.mean(0) + torch.randn(n, z.shape[1]), "is not that of z"),
    ("02-fitted", lambda z, n: MultivariateNormal(z.mean(0), torch.cov(z.T)).sample((n,)), "covariance_matrix"),
    ("02-diagnosis", lambda: "A3 B1 C2", "expected a list of texts"),
    ("02-diagnosis", proof("A3 B1"), "each patient A to C once"),
    ("02-diagnosis", proof("A3 B1 C4"), "a fault from 1 to 3"),
    ("02-diagnosis", proof("A1 B3 C2"), "A's is below the healthy one"),
    ("02-diagnosis", proof("A2 B1 C3"), "A's ends below"),
    ("02-diagnosis", proof("A3 B2 C1"), "B buys without end"),
    ("02-diagnosis", proof("A3 B3 C1"), "what makes it cheap"),
    ("02-diagnosis", proof("A3 B1 C1"), "C has next to none"),
    ("02-diagnosis", proof("C3 A3 B1"), "C's are worse than"),
    ("02-mended", mended(draw=False, sign=False, axis=False), "patient A"),
    ("02-mended", mended(draw=False), "patient A"),
    ("02-mended", mended(sign=False), "patient B"),
    ("02-mended", mended(axis=False), "patient C"),
    ("02-mended", mended(sign=False, axis=False), "patient C"),
]
