"""Typical wrong answers to the exercises of page 12, and what each should be told."""

import math

import torch


def flip(key, probability=0.5, axis=2):
    """The flip of page 12 with another seed, share or axis."""

    def random_flip(x, index, epoch):
        generator = torch.Generator().manual_seed(key(index, epoch))
        return x.flip(axis) if torch.rand((), generator=generator) < probability else x

    return random_flip


def both(index, epoch):
    return 1_000_003 * epoch + index


def disturbs_others(x, index, epoch):
    torch.manual_seed(both(index, epoch))
    return unseeded(x, index, epoch)


def unseeded(x, index, epoch):
    return x.flip(2) if torch.rand(()) < 0.5 else x


CONSTANT = math.log(2 * math.pi) + 1


def nll(scale=1.0, constant=CONSTANT, over=None, times=1.0, detached=False, log=0.5):
    """The Gaussian loss of page 12, or a version of it with a mistake."""

    def fitted_nll(x_hat, x):
        x_hat = x_hat.detach() if detached else x_hat
        error = (x_hat - x).square().mean()
        return times * (over or x[0].numel()) * (log * error.log() + 0.5 * constant) * scale

    return fitted_nll


def sigma_of_each(x_hat, x):
    error = (x_hat - x).square().flatten(1).mean(1)
    return (0.5 * x[0].numel() * (torch.log(2 * math.pi * error) + 1)).mean()


def half_detached(x_hat, x):
    error = (x_hat - x).square().mean()
    value = 0.5 * x[0].numel() * (torch.log(2 * math.pi * error) + 1)
    return value.detach() + 0 * error


def since_last(losses, patience):
    return len(losses) > patience and losses[-1] > losses[-1 - patience], losses[-1] == min(losses)


def rises(losses, patience):
    return len(losses) > 1 and losses[-1] >= losses[-2], _best(losses)


def _best(losses):
    return all(losses[-1] < loss for loss in losses[:-1])


def never(losses, patience):
    return False, _best(losses)


def falls_is_best(losses, patience):
    return False, len(losses) == 1 or losses[-1] < losses[-2]


def nan_stays_lowest(losses, patience):
    known = [loss if loss == loss else math.inf for loss in losses]
    best = losses[-1] < min(losses[:-1], default=math.inf)
    return len(losses) - 1 - known.index(min(known)) >= patience, best


def nan_is_best(losses, patience):
    best = min(range(len(losses)), key=lambda i: losses[i])
    return len(losses) - 1 - best >= patience, not any(losses[-1] >= loss for loss in losses[:-1])


def export(training=False, batches=(1, 7), reduce=torch.max, absolute=True):
    """The comparison of page 12, or a version of it with a mistake."""

    def export_error(model, exported, x):
        if not training:
            model.eval()
        found = []
        for size in batches:
            some = x[:size]
            with torch.no_grad():
                difference = model(some) - torch.from_numpy(exported(some.numpy()))
            found.append(reduce(difference.abs() if absolute else difference))
        return torch.stack(found).max().item()

    return export_error


def perceptual(unit=1, chain=True, power=2, channels=torch.sum, layers_of=list, eps=1e-8, detached=False):
    """The distance of page 12, or a version of it with a mistake; `unit` names the axes of length 1, None for none."""

    def length(h):
        return (h.square().sum(unit, keepdim=True) + eps).sqrt()

    def perceptual_distance(layers, x_hat, x):
        total, a, b = 0.0, x_hat.detach() if detached else x_hat, x
        for layer in layers_of(layers):
            a, b = (layer(a), layer(b)) if chain else (layer(x_hat), layer(x))
            u, v = (a, b) if unit is None else (a / length(a), b / length(b))
            total = total + channels((u - v).abs() ** power, 1).mean()
        return total

    return perceptual_distance


def with_pixels(layers, x_hat, x):
    return perceptual()([torch.nn.Identity(), *layers], x_hat, x)


def of_the_last_layer(layers, x_hat, x):
    return perceptual()(layers[-1:], layers[:-1](x_hat), layers[:-1](x))


def mean_over_layers(layers, x_hat, x):
    return perceptual()(layers, x_hat, x) / len(layers)


def sum_over_images(layers, x_hat, x):
    return perceptual()(layers, x_hat, x) * len(x)


def rooted(layers, x_hat, x):
    return perceptual()(layers, x_hat, x).sqrt()


def sum_over_places(layers, x_hat, x):
    total = 0.0
    for layer in layers:
        x_hat, x = layer(x_hat), layer(x)
        total = total + perceptual()([torch.nn.Identity()], x_hat, x) * x[0, 0].numel()
    return total


def halving(
    share=lambda budget, rounds, left: budget // rounds // left,
    key=lambda loss: math.inf if math.isnan(loss) else loss,
    worse=False,
    answer=lambda ranked, losses: ranked[0],
):
    """The sweep of page 12, or a version of it with a mistake."""

    def successive_halving(train, candidates, budget):
        rounds = int(math.log2(len(candidates)))
        while len(candidates) > 1:
            epochs = share(budget, rounds, len(candidates))
            losses = {candidate: train(candidate, epochs) for candidate in candidates}
            ranked = sorted(candidates, key=lambda candidate: key(losses[candidate]), reverse=worse)
            candidates = ranked[: len(ranked) // 2]
        return answer(candidates, losses)

    return successive_halving


def all_to_the_end(train, candidates, budget):
    losses = [train(candidate, budget // len(candidates)) for candidate in candidates]
    return candidates[losses.index(min(losses))]


def ranked_once(train, candidates, budget):
    rounds = int(math.log2(len(candidates)))
    losses = {c: train(c, budget // rounds // len(candidates)) for c in candidates}
    left = sorted(candidates, key=lambda c: math.inf if math.isnan(losses[c]) else losses[c])
    left = left[: len(left) // 2]
    while len(left) > 1:
        for candidate in left:
            train(candidate, budget // rounds // len(left))
        left = left[: len(left) // 2]
    return left[0]


def same_each_round(train, candidates, budget):
    epochs = budget // int(math.log2(len(candidates))) // len(candidates)
    return halving(share=lambda budget, rounds, left: epochs)(train, candidates, budget)


def trains_the_winner_on(train, candidates, budget):
    winner = halving()(train, candidates, budget)
    train(winner, 1)
    return winner


def changes_the_list(train, candidates, budget):
    winner = halving()(train, candidates, budget)
    candidates.remove(winner)
    return winner


def loses_one_at_a_time(train, candidates, budget):
    while len(candidates) > 1:
        losses = {c: train(c, max(1, budget // 24)) for c in candidates}
        candidates = sorted(candidates, key=losses.get)[:-1]
    return candidates[0]


WRONG = [
    ("12-flip", unseeded, "asked twice"),
    ("12-flip", flip(lambda index, epoch: index), "where does the epoch come in"),
    ("12-flip", flip(lambda index, epoch: epoch), "where does the number of the image come in"),
    ("12-flip", flip(lambda index, epoch: index + epoch), "that another had"),
    ("12-flip", flip(lambda index, epoch: index * (epoch + 1)), "that another had"),
    ("12-flip", disturbs_others, "sets the global seed"),
    ("12-flip", flip(lambda index, epoch: 0), "the same for all images and epochs"),
    ("12-flip", flip(both, probability=0.1), "half of them were asked for"),
    ("12-flip", flip(both, axis=1), "stands on its head"),
    ("12-flip", flip(both, axis=0), "red and blue"),
    ("12-flip", lambda x, index, epoch: x.flip(2) if (index + epoch) % 2 else x, "follow a pattern"),
    ("12-flip", lambda x, index, epoch: x[None], "of the shape that came in"),
    ("12-fitted-nll", nll(over=1), "mean over the values"),
    ("12-fitted-nll", nll(times=5), "sum over all images"),
    ("12-fitted-nll", nll(times=-1), "sign is wrong"),
    ("12-fitted-nll", nll(constant=1), "2 pi is missing"),
    ("12-fitted-nll", nll(constant=math.log(2 * math.pi)), "divided by 2 sigma^2"),
    ("12-fitted-nll", nll(log=1.0), "taken for log sigma"),
    ("12-fitted-nll", nll(over=64), "three channels"),
    ("12-fitted-nll", nll(detached=True), "no gradient"),
    ("12-fitted-nll", half_detached, "its gradient is not"),
    ("12-fitted-nll", sigma_of_each, "one for all was asked for"),
    ("12-fitted-nll", lambda x_hat, x: 0.5 * (x_hat - x).square().sum() / len(x), "half the squared error alone"),
    ("12-fitted-nll", lambda x_hat, x: (x_hat - x).square().flatten(1).sum(1), "a tensor without axes"),
    ("12-early-stopping", lambda losses, patience: False, "two answers"),
    ("12-early-stopping", falls_is_best, "that is not the best so far"),
    ("12-early-stopping", rises, "you stop too early"),
    ("12-early-stopping", never, "you go on"),
    ("12-early-stopping", since_last, "only equals the best"),
    ("12-early-stopping", nan_is_best, "NaN counts as the best"),
    ("12-early-stopping", nan_stays_lowest, "any number is better"),
    ("12-early-stopping", lambda losses, patience: (False, False), "since there is no other"),
    ("12-perceptual", lambda layers, x_hat, x: None, "returned nothing"),
    ("12-perceptual", lambda layers, x_hat, x: x_hat - x, "a tensor without axes"),
    ("12-perceptual", perceptual(unit=None), "to length 1 first"),
    ("12-perceptual", perceptual(unit=(1, 2, 3)), "over the whole image"),
    ("12-perceptual", perceptual(unit=(2, 3)), "over the places of a channel"),
    ("12-perceptual", perceptual(power=1), "not squared"),
    ("12-perceptual", perceptual(channels=torch.mean), "mean over the channels"),
    ("12-perceptual", perceptual(layers_of=lambda layers: layers[:1]), "first layer alone"),
    ("12-perceptual", of_the_last_layer, "last layer alone"),
    ("12-perceptual", with_pixels, "pixels were compared as well"),
    ("12-perceptual", mean_over_layers, "mean over the layers"),
    ("12-perceptual", sum_over_images, "sum over the images"),
    ("12-perceptual", sum_over_places, "sum over the places"),
    ("12-perceptual", rooted, "a root was taken"),
    ("12-perceptual", perceptual(detached=True), "no gradient"),
    ("12-perceptual", perceptual(eps=0.0), "divides 0 by 0"),
    ("12-perceptual", perceptual(eps=1e-5), "eps too large"),
    ("12-halving", all_to_the_end, "used up the whole budget"),
    ("12-halving", halving(share=lambda budget, rounds, left: budget // left), "epochs were spent"),
    ("12-halving", halving(share=lambda budget, rounds, left: budget / rounds / left), "whole number of epochs"),
    ("12-halving", halving(share=lambda budget, rounds, left: 1), "not 1"),
    ("12-halving", same_each_round, "more epochs each"),
    ("12-halving", halving(worse=True), "went on, where the lower loss"),
    ("12-halving", ranked_once, "as it is now"),
    ("12-halving", halving(key=float), "NaN went on"),
    ("12-halving", halving(answer=lambda ranked, losses: ranked), "the winner alone"),
    ("12-halving", halving(answer=lambda ranked, losses: losses[ranked[0]]), "returns a loss"),
    ("12-halving", halving(answer=lambda ranked, losses: max(losses)), "was won by"),
    ("12-halving", trains_the_winner_on, "after the last round"),
    ("12-halving", changes_the_list, "list of candidates was changed"),
    ("12-halving", loses_one_at_a_time, "not 1"),
    ("12-halving", lambda train, candidates, budget: candidates[0], "nobody was trained"),
    ("12-export-error", export(training=True), "training mode"),
    ("12-export-error", export(batches=(7,)), "never asked for a batch of one"),
    ("12-export-error", export(batches=(1,)), "only asked for single images"),
    ("12-export-error", export(batches=(1, 2)), "ask for all"),
    ("12-export-error", export(reduce=torch.mean), "a mean hides a single fault"),
    ("12-export-error", export(absolute=False), "is the sign left on"),
    ("12-export-error", export(reduce=torch.sum), "the largest over both batches"),
]
