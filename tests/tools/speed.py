"""How long the textbook's three models take to train on MNIST: with the textbook's loop, and with the course's.

    python tests/tools/speed.py [--threads N] [--seeds N] [--models AE VAE CAE]
    python tests/tools/speed.py --guards

Every run is a process of its own, and the runs take turns, so that a busy moment of the machine hits all alike. Per
model: the textbook's loop; ours with the same recipe (10 epochs, batches of 64, Adam at 0.001); ours with a recipe of
our own choice, which was chosen on validation images. "Floor" is an epoch's matrix products or convolutions alone.
With three seeds and two threads it takes about half an hour; needs MNIST in the data folder.

`--guards` says what share of a step of the small autoencoder the guards take: the same steps with them and without, in
turn, on random images.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

EPOCHS, BATCH, LR = 10, 64, 1e-3
FREE = {  # the recipe of our own: a good start and a one-cycle learning rate
    "AE": {"epochs": 2, "batch_size": 64, "lr": 5e-3},
    "VAE": {"epochs": 6, "batch_size": 128, "lr": 1e-2},
    "CAE": {"epochs": 3, "batch_size": 64, "lr": 1e-2},
}
UNITS = {"AE": "MSE per pixel", "VAE": "nats per image", "CAE": "MSE per pixel"}
WAYS = {"textbook": "textbook's loop", "same": "ours, same recipe", "free": "ours, own recipe"}


def textbook(name, seed):
    """The loop as it is printed everywhere; returns the model and the seconds of each epoch."""
    import textbook as models
    import torch
    from torch import nn
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from course_utils.support.files import data_dir

    torch.manual_seed(seed)
    train = datasets.MNIST(root=data_dir(), train=True, transform=transforms.ToTensor())
    loader = DataLoader(train, batch_size=BATCH, shuffle=True)
    model = {"AE": models.Autoencoder, "VAE": models.VAE, "CAE": models.ConvAutoencoder}[name]()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    seconds = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        total_loss = 0
        for x, _ in loader:
            if name == "VAE":
                recon_x, mu, logvar = model(x)
                loss = models.vae_loss(recon_x, x, mu, logvar)
            else:
                loss = criterion(model(x), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
        seconds.append(time.perf_counter() - started)
    return model, seconds


def ours(name, seed, free):
    """The course's `fit`; returns the model and the seconds of each epoch."""
    import torch

    from course_utils.data import load
    from course_utils.models import VAE, Autoencoder, ConvAutoencoder, good_start
    from course_utils.training import fit

    torch.manual_seed(seed)
    train = load("mnist", "train+val")
    model = {"AE": Autoencoder, "VAE": VAE, "CAE": ConvAutoencoder}[name]()
    if name == "CAE":
        model.to(memory_format=torch.channels_last)  # worth a tenth for convolutions
    recipe = {"epochs": EPOCHS, "batch_size": BATCH, "lr": LR}
    if free:
        good_start(model, train.x[:1000])
        recipe = FREE[name] | {"one_cycle": True}
    history = fit(model, train, loss_of(name), seed=seed, device="cpu", progress=False, **recipe)
    return model, [row["seconds"] for row in history]


def loss_of(name):
    """The loss of a batch, a mean over its images; also the figure that is reported for test images."""
    from course_utils.losses import mse, vae_loss

    def negative_elbo(model, x, y):
        return vae_loss(*_with_x(model(x), x)) / len(x)

    return negative_elbo if name == "VAE" else lambda model, x, y: mse(model(x), x)


def _with_x(output, x):
    recon_x, mu, logvar = output
    return recon_x, x, mu, logvar


def floor(name):
    """Seconds that the products of one epoch take alone: layers forward, and gradients of their weights and inputs."""
    import torch
    from torch import nn

    from course_utils.models import VAE, Autoencoder, ConvAutoencoder

    model = {"AE": Autoencoder, "VAE": VAE, "CAE": ConvAutoencoder}[name]()
    products, hooks = [], []

    def collect(layer, inputs, output):
        x, needs_gradient = inputs[0].detach(), bool(products)  # no gradient is wanted for the images
        g, w = torch.rand_like(output), layer.weight.detach()
        if isinstance(layer, nn.Linear):
            products.append(lambda: (x @ w.T, g.T @ x, needs_gradient and g @ w))
            return
        x, w = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, w))
        transposed = isinstance(layer, nn.ConvTranspose2d)
        shape = ([2, 2], [1, 1], [1, 1], transposed, [1, 1] if transposed else [0, 0], 1)
        wanted = [needs_gradient, True, True]
        products.append(
            lambda: (
                torch.convolution(x, w, layer.bias, *shape),
                torch.ops.aten.convolution_backward(g, x, w, [len(layer.bias)], *shape, wanted),
            )
        )

    for layer in model.modules():
        if not list(layer.children()) and list(layer.parameters()):
            hooks.append(layer.register_forward_hook(collect))
    model(torch.rand(BATCH, 1, 28, 28))
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            started = time.perf_counter()
            for _ in range(60):
                for product in products:
                    product()
            best = min(best, (time.perf_counter() - started) / 60)
    return best * 60_000 / BATCH


def data_pass():
    """Seconds of one pass over the training images: the textbook's loader, and ours."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from course_utils.data import load
    from course_utils.support.files import data_dir
    from course_utils.training import batches

    theirs = datasets.MNIST(root=data_dir(), train=True, transform=transforms.ToTensor())
    train = load("mnist", "train+val")
    seconds = []
    for loader in (
        DataLoader(theirs, batch_size=BATCH, shuffle=True),
        batches(train, BATCH, torch.Generator().manual_seed(0)),
    ):
        started = time.perf_counter()
        assert sum(len(x) for x, _ in loader) == 60_000
        seconds.append(time.perf_counter() - started)
    return seconds


def guards():
    """Seconds of a training step of the small autoencoder: with its guards, and where each is replaced by nothing."""
    import torch
    from torch.utils.data import TensorDataset

    from course_utils import losses, models, training

    model, x = models.Autoencoder(), torch.rand(BATCH * 50, 1, 28, 28)
    data = TensorDataset(x, torch.zeros(len(x)))
    guarded = [(module, name) for module in (losses, models, training) for name in vars(module) if "require_" in name]
    kept = {(module, name): getattr(module, name) for module, name in guarded}
    best = dict.fromkeys(("with", "without"), float("inf"))
    for _ in range(40):  # in turn, and the best of each: a busy moment hits both alike
        for way in best:
            for (module, name), guard in kept.items():
                setattr(module, name, guard if way == "with" else lambda *_, **__: None)
            run = training.Training(model, data, loss_of("AE"), epochs=1, device="cpu")
            best[way] = min(best[way], run.run(None, progress=False)[0]["seconds"] / 50)
    return best


def child(job):
    """What one process does, told and answered in JSON."""
    kind, name, seed = job["kind"], job.get("name"), job.get("seed")
    if kind == "data":
        return {"seconds": data_pass()}
    if kind == "floor":
        return {"seconds": floor(name)}
    model, seconds = textbook(name, seed) if kind == "textbook" else ours(name, seed, kind == "free")
    end_to_end = time.time() - job["started"]

    import torch

    from course_utils.data import load
    from course_utils.training import evaluate

    torch.manual_seed(seed)
    test_loss = evaluate(model, load("mnist", "test"), loss_of(name))
    return {"epoch": statistics.median(seconds), "end_to_end": end_to_end, "loss": test_loss}


def run(threads, **job):
    """Run a job in a fresh process with this many threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    job = json.dumps(job | {"started": time.time()})
    command = [sys.executable, __file__, "--job", job]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description="Time the course's training against the textbook's, on MNIST.")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of every run (default: all cores)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--models", nargs="+", choices=FREE, default=list(FREE))
    parser.add_argument("--guards", action="store_true", help="only the share of a step that guards take")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(child(json.loads(options.job))))
        return

    if options.guards:
        seconds = guards()
        share = 100 * (seconds["with"] / seconds["without"] - 1)
        print(
            f"a step: {1e6 * seconds['with']:.0f} us, without guards {1e6 * seconds['without']:.0f} us: {share:.1f} %"
        )
        return

    from tqdm import tqdm

    from course_utils.data import is_on_disk

    if not is_on_disk("mnist"):
        sys.exit("MNIST is not on disk: `course data mnist` downloads it")
    jobs = [{"kind": "data"}]
    for name in options.models:
        for seed in range(options.seeds):
            jobs += [{"kind": "floor", "name": name}]
            jobs += [{"kind": way, "name": name, "seed": seed} for way in WAYS]
    answers = [(job, run(options.threads, **job)) for job in tqdm(jobs, unit="run")]

    def figures(key, kind, name=None):
        return [answer[key] for job, answer in answers if job["kind"] == kind and job.get("name") == name]

    ((theirs, fast),) = figures("seconds", "data")
    print(
        f"{options.threads} threads, {options.seeds} seeds; medians over the seeds, test loss mean ± standard deviation"
    )
    print(f"one pass over the 60,000 images: {theirs:.2f} s, ours {fast:.3f} s: {theirs / fast:.0f}x")
    print(f"{'model':6}{'':20}{'s/epoch':>9}{'ratio':>8}{'÷ floor':>9}{'end to end':>12}{'ratio':>8}   test loss")
    for name in options.models:
        bottom = statistics.median(figures("seconds", "floor", name))
        for way, title in WAYS.items():
            epoch, whole = (statistics.median(figures(key, way, name)) for key in ("epoch", "end_to_end"))
            # paired: each run against the textbook's of the same seed, which ran just before it
            ratios = [
                statistics.median(
                    a / b for a, b in zip(figures(key, "textbook", name), figures(key, way, name), strict=True)
                )
                for key in ("epoch", "end_to_end")
            ]
            losses = figures("loss", way, name)
            spread = f" ± {statistics.stdev(losses):.2g}" if len(losses) > 1 else ""
            print(
                f"{name:6}{title:20}{epoch:9.2f}{ratios[0]:7.1f}x{epoch / bottom:9.2f}{whole:10.1f} s{ratios[1]:7.1f}x"
                f"   {statistics.mean(losses):.4g}{spread} {UNITS[name]}"
            )


if __name__ == "__main__":
    main()
