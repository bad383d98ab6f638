"""Trains page 12's PhotographVAE on a folder of photographs, in one process or in several that share each batch:

    python train_photographs.py FOLDER RUN
    torchrun --standalone --nproc-per-node 2 train_photographs.py FOLDER RUN

FOLDER holds train/CLASS/*.jpg. The folder RUN gets best.safetensors (the best weights, with their recipe), last.pt
(from which the same command goes on after a stop) and events for TensorBoard. The last line printed is JSON; losses are
in bits per dimension.
"""

import argparse
import io
import json
import math
import os
import sys
from pathlib import Path

import safetensors.torch
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset
from torch.utils.tensorboard import SummaryWriter
from torchvision.transforms import v2

from course_utils import CourseError
from course_utils.photographs import PhotographFolder, PhotographVAE, bits_per_dimension, negative_elbo, split_folders

# Which process this is, and of how many, on all machines and on this one: torchrun says it. Without it there is one.
RANK, WORLD = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
LOCAL_RANK, LOCAL_WORLD = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))


class Numbered(Dataset):
    """Images, each with its number, by which it finds its own noise."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i][0], i


def settings(command):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the images, at most")
    parser.add_argument("--patience", type=int, default=3, help="stop after so many epochs without a better one")
    parser.add_argument("--batch", type=int, default=64, help="images in a step, of all processes together")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--width", type=int, default=32, help="channels after the first convolution")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0, help="processes that read files, for each one that trains")
    parser.add_argument("--amp", action="store_true", help="multiply in bfloat16, on a device that is fast at it")
    args = parser.parse_args(command)
    if min(args.epochs, args.patience, args.batch) < 1 or args.lr <= 0:
        parser.error("--epochs, --patience and --batch should be at least 1, and --lr above 0")
    if args.batch % WORLD:
        near = max(WORLD, args.batch // WORLD * WORLD)
        parser.error(f"--batch {args.batch} cannot be shared equally by {WORLD} processes: try --batch {near}")
    return args


def photographs(folder, batch):
    """Images (3, 64, 64) from 0 to 1: every tenth to validate, the others to train on."""
    transform = v2.Compose([v2.Resize(64), v2.CenterCrop(64), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    images = PhotographFolder(split_folders(folder)[0], transform)  # tries each file once, and leaves out broken ones
    train = Subset(images, [i for i in range(len(images)) if i % 10])
    if len(train) < batch:
        raise CourseError(f"{folder} leaves {len(train)} images to train on, and --batch is {batch}: make it smaller")
    return Numbered(train), Numbered(Subset(images, range(0, len(images), 10)))


def mean_loss(model, loader, noise, device, amp, optimizer=None):
    """The mean over the images of all processes; where there is an optimizer, each batch is a step of training."""
    total = torch.zeros(2, dtype=torch.float64, device=device)  # sum of the losses, number of images
    for x, numbers in loader:
        with torch.set_grad_enabled(optimizer is not None), torch.autocast(device.type, torch.bfloat16, enabled=amp):
            loss = bits_per_dimension(negative_elbo(model, x.to(device), noise[numbers].to(device)))
        if optimizer:
            optimizer.zero_grad()
            loss.backward()  # DistributedDataParallel takes the mean of all processes' gradients meanwhile
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
        total += torch.tensor([loss.item() * len(x), len(x)], dtype=torch.float64, device=device)
    if WORLD > 1:
        dist.all_reduce(total)  # by default the sum
    return (total[0] / total[1]).item()


def write(path, content):
    """Under another name first, then renamed: a process that is killed meanwhile leaves the old file whole."""
    path.with_suffix(".part").write_bytes(content)
    os.replace(path.with_suffix(".part"), path)


def restore(path, recipe, vae, optimizer, draws):
    """Put everything that the next epoch depends on back to where a checkpoint left it; returns the losses so far."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # runs no code that a file might bring along
        saved, losses = state["recipe"], state["losses"]
    except Exception as error:  # a damaged file fails in whichever way its bytes lead to
        raise CourseError(f"{path} is no checkpoint of this script, or is damaged: delete it to train anew") from error
    if saved != recipe:
        changed = "; ".join(f"{key} was {saved[key]}, now {recipe[key]}" for key in recipe if saved[key] != recipe[key])
        raise CourseError(f"{path} has another recipe ({changed}): name another RUN, or delete it")
    vae.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    draws.set_state(state["draws"])
    return losses


def main(command=None):
    args = settings(command)
    train, val = photographs(args.folder, args.batch)
    cuda = torch.cuda.device_count() >= LOCAL_WORLD  # a GPU for each process of this machine
    device = torch.device("cuda", LOCAL_RANK) if cuda else torch.device("cpu")
    if WORLD > 1:
        dist.init_process_group("nccl" if cuda else "gloo")

    torch.manual_seed(args.seed)  # the same first weights in each process
    vae = PhotographVAE(args.latent_dim, args.width).to(device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=args.lr)
    # Noise for all images, the same in each process: so an image gets the same noise whoever trains on it. A network
    # must not mix the images of a batch either. BatchNorm does: two halves have other means than the whole.
    draws = torch.Generator().manual_seed(args.seed)
    val_noise = torch.randn(len(val), args.latent_dim, generator=draws)
    recipe = {name: getattr(args, name) for name in ("latent_dim", "width", "batch", "lr", "seed", "amp")}
    recipe["images"] = len(train)
    last, best = args.run / "last.pt", args.run / "best.safetensors"
    losses = restore(last, recipe, vae, optimizer, draws) if last.exists() else {"train": [], "val": []}

    model = DistributedDataParallel(vae) if WORLD > 1 else vae
    sampler = DistributedSampler(train, WORLD, RANK, seed=args.seed, drop_last=True)
    loader = DataLoader(train, args.batch // WORLD, sampler=sampler, num_workers=args.workers, drop_last=True)
    val_loader = DataLoader(Subset(val, range(RANK, len(val), WORLD)), args.batch, num_workers=args.workers)
    args.run.mkdir(parents=True, exist_ok=True)
    events = SummaryWriter(args.run / "events", purge_step=len(losses["val"]) + 1) if RANK == 0 else None

    for epoch in range(len(losses["val"]) + 1, args.epochs + 1):
        if losses["val"] and min(losses["val"]) not in losses["val"][-args.patience :]:
            break  # early stopping
        sampler.set_epoch(epoch)  # another order in each epoch, the same in each process
        noise = torch.randn(len(train), args.latent_dim, generator=draws)
        losses["train"].append(mean_loss(model, loader, noise, device, args.amp, optimizer))
        losses["val"].append(mean_loss(vae, val_loader, val_noise, device, args.amp))
        now = {name: values[-1] for name, values in losses.items()}
        if not math.isfinite(sum(now.values())):
            raise CourseError(f"the loss became {now['train']} in epoch {epoch}: try a lower --lr than {args.lr}")
        if events:  # the first process writes, and no other
            if now["val"] == min(losses["val"]):
                notes = {name: str(value) for name, value in (recipe | now | {"epoch": epoch}).items()}
                write(best, safetensors.torch.save(vae.state_dict(), notes))
            state = {"model": vae.state_dict(), "optimizer": optimizer.state_dict(), "draws": draws.get_state()}
            content = io.BytesIO()
            torch.save(state | {"recipe": recipe, "losses": losses}, content)
            write(last, content.getvalue())
            for name, value in now.items():
                events.add_scalar(f"bits per dimension/{name}", value, epoch)
            events.flush()
            print(f"epoch {epoch}: train {now['train']:.4f}, val {now['val']:.4f}", flush=True)
    if events:
        events.close()
        best_epoch = 1 + losses["val"].index(min(losses["val"]))
        print(json.dumps({"epochs": len(losses["val"]), "best_epoch": best_epoch, "processes": WORLD} | losses))
    if WORLD > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    try:
        main()
    except CourseError as error:
        sys.exit(f"train_photographs.py: {error}")
