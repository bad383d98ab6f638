"""Learning calls of page 03."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils.exercises import filled
from course_utils.exercises.passes import passes

PREDICTIONS = {
    "03-place": {
        "question": "the kernel moves on to its last place, at the bottom right. Which number does it answer there?",
        "example": "4",
        "why": "Only two columns of the patch count: 2 + 1 + 0 on the left, and 0 + 1 + 1 on the right are taken off.",
    },
    "03-white": {
        "question": "a white image is stamped with a white kernel (size 3, stride 2). Inside, away from the border, "
        "the result is ...",
        "options": {
            "a": "plain, of one brightness",
            "b": "a regular pattern",
            "c": "brighter towards the middle",
        },
        "why": {
            "a": "Count the stamps that reach a pixel: stamps 3 wide and 2 apart overlap in every second one.",
            "c": "Away from the border every stamp has the same neighbours, so nothing changes towards the middle.",
        },
    },
    "03-noise": {
        "question": "random blots go through the convolutional autoencoder, whose code has 1568 numbers. Out come ...",
        "options": {
            "a": "scraps of digits, since digits are all it has seen",
            "b": "a plain grey",
            "c": "the same blots, more or less",
        },
        "why": "There is room for every pixel, and what the network learned of small patches holds for blots too.",
    },
    "03-shuffle": {
        "question": "both networks are trained anew, on images whose pixels are shuffled as in section 1, and tested "
        "on such images. Which error grows by more than a tenth?",
        "options": {
            "a": "only the convolutional network's",
            "b": "only the fully connected network's",
            "c": "both",
            "d": "neither",
        },
        "why": {
            "b": "It has one weight for each pixel, wherever that lies, so any order is as good as another.",
            "c": "The fully connected one has one weight for each pixel, wherever that lies: any order is as good.",
            "d": "A kernel reads patches, and after shuffling the pixels of a patch have little to do with each other.",
        },
    },
    "03-shift": {
        "question": "digits moved by 3 pixels, through 32 numbers: the convolutional network's error will ...",
        "options": {
            "a": "stay about the same",
            "b": "grow, but not double",
            "c": "more than double",
        },
        "why": "Its two linear layers have a weight of their own for each place, and never met a digit there.",
    },
}


def check_conv_size(conv_size):
    def truth(n, kernel, stride, padding):
        return nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, n)).shape[-1]

    mistakes = {
        "the kernel also stands at the beginning, before it moves": lambda n, k, s, p: (n + 2 * p - k) // s,
        "the frame has zeros on both sides": lambda n, k, s, p: (n + p - k) // s + 1,
        "the frame of zeros is missing": lambda n, k, s, p: (n - k) // s + 1,
        "how far the kernel can move depends on its own size": lambda n, k, s, p: (n + 2 * p) // s,
        "the stride is missing": lambda n, k, s, p: n + 2 * p - k + 1,
        "a last step that does not fit is not taken: round down": lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1,
    }
    return _judge_size(conv_size, truth, mistakes, [(28, 3, 2, 1), (28, 5, 1, 0), (13, 4, 3, 2), (30, 7, 2, 3)])


def _judge_size(answer, truth, mistakes, cases):
    answers = [float(filled(answer(*case))) for case in cases]
    expected = [truth(*case) for case in cases]
    if any(a != round(a) for a in answers):
        return "a number of pixels is a whole number: divide by // instead of /"
    if answers == expected:
        return None
    for mistake, formula in mistakes.items():
        if answers == [formula(*case) for case in cases]:
            return mistake
    wrong = next(i for i in range(len(cases)) if answers[i] != expected[i])
    names = ("n", "kernel", "stride", "padding")
    case = ", ".join(f"{name} = {value}" for name, value in zip(names, cases[wrong], strict=False))
    return f"for {case} PyTorch makes {expected[wrong]} pixels, yours are {answers[wrong]:g}"


def check_stamp(stamp):
    generator = torch.Generator().manual_seed(0)
    x, kernel = torch.rand(4, 5, generator=generator), torch.rand(3, 3, generator=generator)
    answer = filled(stamp(x, kernel, 2))
    truth = F.conv_transpose2d(x[None, None], kernel[None, None], stride=2)[0, 0]
    answer = torch.as_tensor(answer)
    if answer.is_complex():
        return "expected real numbers, yours are complex"
    answer = answer.float()
    if answer.shape != truth.shape:
        return f"`out` should have shape {tuple(truth.shape)} here; leave the other lines as they are"
    if not answer.any():
        return "`out` is still all zeros: your line has to change it, for example with +="
    if torch.allclose(answer, truth, atol=1e-5):
        wide = F.conv_transpose2d(x[None, None], kernel[None, None], stride=3)[0, 0]
        again = torch.as_tensor(stamp(x, kernel, 3)).float()
        return (
            None
            if again.shape == wide.shape and torch.allclose(again, wide, atol=1e-5)
            else "use the `stride` that is given"
        )
    overwritten, dense, flat = torch.zeros_like(truth), torch.zeros_like(truth), torch.zeros_like(truth)
    for i in range(4):
        for j in range(5):
            overwritten[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] = x[i, j] * kernel
            dense[i : i + 3, j : j + 3] += x[i, j] * kernel
            flat[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j]
    if torch.allclose(answer, overwritten, atol=1e-5):
        return "where stamps overlap they should add up; yours replace what was there"
    if torch.allclose(answer, dense, atol=1e-5):
        return "the stamps are one pixel apart: the next one lands `stride` pixels further"
    if torch.allclose(answer, flat, atol=1e-5):
        return "all pixels of a stamp are equal: multiply x[i, j] by the kernel"
    if torch.allclose(answer, F.conv_transpose2d(torch.ones(1, 1, 4, 5), kernel[None, None], stride=2)[0, 0]):
        return "every stamp is equally strong: multiply the kernel by x[i, j]"
    turned = (kernel.T, kernel.flip(0, 1))
    if any(torch.allclose(answer, F.conv_transpose2d(x[None, None], k[None, None], stride=2)[0, 0]) for k in turned):
        return "the kernel is turned around"
    return "the shape is right, the numbers are not: which patch of `out` belongs to x[i, j]?"


def check_receptive_field(receptive_field):
    def truth(layers):
        x = torch.zeros(1, 1, 201, requires_grad=True)
        out = x
        for kernel, stride in layers:
            out = F.conv1d(out, torch.ones(1, 1, kernel), stride=stride)
        (gradient,) = torch.autograd.grad(out[0, 0, 2], x)
        return int(torch.count_nonzero(gradient))

    cases = [[(3, 2), (3, 2)], [(3, 1), (3, 1), (3, 1)], [(5, 2), (3, 3), (4, 1)], [(7, 1)]]
    answers = [filled(receptive_field(list(layers))) for layers in cases]
    expected = [truth(layers) for layers in cases]
    if answers == expected:
        return None
    if answers == [1 + sum(k - 1 for k, _ in layers) for layers in cases]:
        return "the strides are missing: after a stride of 2, neighbours are 2 pixels apart"
    if answers == [sum(k for k, _ in layers) for layers in cases]:
        return "neighbouring patches overlap: a layer adds kernel - 1, not kernel"
    if answers == [_field(layers, early=True) for layers in cases]:
        return "a layer's own stride counts for the layers after it, not for itself"
    if answers == [a - 1 for a in expected]:
        return "begin with a field of 1 pixel"
    if answers == [_added(layers) for layers in cases]:
        return "distances multiply: after two strides of 2, neighbours are 4 pixels apart, after three 8"
    wrong = next(i for i in range(len(cases)) if answers[i] != expected[i])
    return f"for {cases[wrong]} the gradient reaches {expected[wrong]} pixels, you say {answers[wrong]}"


def _field(layers, early):
    """The receptive field, or what it would be if a layer's stride counted for the layer itself."""
    field, distance = 1, 1
    for kernel, stride in layers:
        distance *= stride if early else 1
        field += (kernel - 1) * distance
        distance *= 1 if early else stride
    return field


def _added(layers):
    """What the receptive field would be if distances added up."""
    field, distance = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * distance
        distance += stride
    return field


def check_build(convolutional):
    models = []
    for latent_dim in (32, 10):
        model = filled(convolutional(latent_dim))
        if not isinstance(model, nn.Module):
            return f"expected a network, an nn.Module, got {type(model).__name__}: is there an nn.Sequential around it?"
        models.append(model)
    if models[0] is models[1] or any(p is q for p in models[0].parameters() for q in models[1].parameters()):
        return "build a new network at every call: this one is the same each time, so three seeds would share weights"
    return (
        _judge_forward(models[0])
        or _judge_parameters(*models)
        or _judge_code(*models)
        or _judge_between(models[0])
        or _judge_ends(models[0])
    )


def _judge_forward(model):
    """What is wrong with the shapes that go through."""
    for count in (5, 1):
        x = torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(count))
        try:
            x_hat = model(x)
        except (RuntimeError, TypeError, ValueError) as error:
            return f"images {tuple(x.shape)} do not get through: {str(error).splitlines()[0]:.150}"
        if not isinstance(x_hat, torch.Tensor):
            return f"images {tuple(x.shape)} come out as {type(x_hat).__name__}: one tensor, the copies, was asked for"
        if x_hat.shape != x.shape:
            hint = {
                (count, 784): "unflatten the numbers before the transposed convolutions",
                (count, 1, 25, 25): "what makes 14 of 7, and 28 of 14? `output_padding` says it",
                (count, 1, 27, 27): "the last layer lacks its `output_padding`",
                (count, 1, 26, 26): "the first transposed convolution lacks its `output_padding`",
            }.get(tuple(x_hat.shape), "print the shape behind each layer")
            return f"images {tuple(x.shape)} come out as {tuple(x_hat.shape)}: {hint}"
    return None


def _judge_parameters(model, small):
    """What is wrong with the number of parameters."""
    counts = [sum(p.numel() for p in network.parameters()) for network in (model, small)]
    if counts[0] == counts[1]:
        return "the code has the same size for latent_dim = 32 and 10: use the argument"
    if counts[0] == 53_473:
        return None
    weights = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    if weights == counts[0]:
        return f"the {counts[0]:,} parameters have no biases among them: leave `bias` as PyTorch sets it"
    if counts[0] == 9_569:
        return "this is the textbook's network: between its convolutions go 8 and 16 maps, and two linear layers"
    if counts[0] > 90_000:
        return f"it has {counts[0]:,} parameters: are there 8 maps after the first layer, and 16 after the second?"
    if counts[0] < 30_000:
        return (
            f"it has only {counts[0]:,} parameters: two linear layers, from 784 numbers to the code and back, are most"
        )
    return f"it has {counts[0]:,} parameters, and the layers asked for have 53,473: print the shape of each weight"


def _judge_between(model):
    """Whether a ReLU, and nothing else, stands where it should between the six layers, as far as they are modules."""
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(2))
    through = passes(model, x, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d))
    seen = [(into.flatten(), out.flatten()) for into, out in through]
    if len(seen) != 6:
        return None
    places = (
        "the first convolution",
        "the second convolution",
        "the first linear layer",
        "the second linear layer",
        "the first transposed convolution",
    )
    for place, (_, out), (given, _) in zip(places, seen[:-1], seen[1:], strict=True):
        if place == "the first linear layer":
            if not torch.equal(out, given):
                return "between the two linear layers stands nothing: the code is free to be negative"
        elif not torch.equal(out.relu(), given):
            return f"behind {place} a ReLU was asked for: what comes next gets other numbers"
    return None


def _judge_code(model, small):
    """Whether the code is as narrow as it should be, and has a nonlinear encoder before it and decoder behind it.

    The image's numbers can leave through a code of 32 in 32 directions only, whatever the network looks like inside:
    that is the rank of its derivative. Without a ReLU before the code, these directions are the same for
    all images; without one behind it, so are the directions in which the copies can move.
    """
    x = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    x[1] = (x[1] > 0.8).double()  # unlike the other one
    for network, latent_dim in ((small, 10), (model, 32)):
        slopes = _slopes(network, x)
        rank = max(_rank(slope) for slope in slopes)
        if rank > latent_dim:
            return f"for latent_dim = {latent_dim}, {rank} numbers get through: what goes around the narrow layer?"
        if rank < latent_dim / 4:
            return f"for latent_dim = {latent_dim}, only {rank} numbers get through: is there a ReLU too many?"
    if _rank(torch.cat(list(slopes))) <= rank:
        return "the encoder is one linear function in disguise: each convolution should be followed by a ReLU"
    if _rank(torch.cat(list(slopes), dim=1)) <= rank:
        return "the decoder is one linear function in disguise: where are its ReLUs?"
    return None


def _slopes(model, x):
    """The derivatives of 112 pixels of each image's copy by all its pixels (N, 112, 784), before the last squashing."""
    own = copy.deepcopy(model).double().eval()
    some = torch.arange(3, 784, 7)
    slopes = []
    for image in x:
        images = image.repeat(len(some), 1, 1, 1).requires_grad_()  # one for each of the pixels that are derived
        x_hat = own(images).flatten(1)
        inside = x_hat.min() > 0 and x_hat.max() < 1
        outputs = torch.logit(x_hat, eps=1e-9) if inside else x_hat
        outputs[torch.arange(len(some)), some].sum().backward()
        slopes.append(images.grad.flatten(1))
    return torch.stack(slopes)


def _rank(matrix):
    return int(torch.linalg.matrix_rank(matrix.double(), rtol=1e-9))


def _judge_ends(model):
    """Whether what comes out are pixels, also for extreme images."""
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 10_000
    x_hat = model(x)
    if x_hat.min() < 0 or x_hat.max() > 1:
        return f"pixels from {x_hat.min():.2g} to {x_hat.max():.2g} can come out: what keeps them between 0 and 1?"
    return None


def check_cost(cost):
    cases = [((3, 5, 3, 25), False), ((4, 2, 5, 9), True), ((6, 7, 1, 1), False)]  # transposed or not
    answers = []
    for arguments, _ in cases:
        answer = filled(cost(*arguments))
        if not isinstance(answer, list | tuple) or len(answer) != 2:
            return "expected two numbers, parameters and multiplications: return a, b"
        answers.append(tuple(float(number) for number in answer))
    expected = [_counted(*arguments, transposed=transposed) for arguments, transposed in cases]
    if answers == expected:
        return None
    given = [arguments for arguments, _ in cases]
    wrong_costs = [_wrong_costs(*arguments) for arguments in given]
    for mistake in wrong_costs[0]:
        if answers == [costs[mistake] for costs in wrong_costs]:
            return mistake
    wrong = next(i for i in range(len(cases)) if answers[i] != expected[i])
    maps_in, maps_out, kernel, places = given[wrong]
    which = 0 if answers[wrong][0] != expected[wrong][0] else 1
    return (
        f"from {maps_in} to {maps_out} maps, kernel {kernel}, {places} places: PyTorch counts "
        f"{expected[wrong][which]:.0f} {('parameters', 'multiplications')[which]}, yours are {answers[wrong][which]:g}"
    )


def _wrong_costs(maps_in, maps_out, kernel, places):
    """Likely mistakes in the cost of a layer, with the two numbers that each leads to."""
    weights = maps_in * maps_out * kernel**2
    parameters, multiplications = weights + maps_out, weights * places
    return {
        "parameters come first, then multiplications": (multiplications, parameters),
        "the biases are missing among the parameters: one for each map that goes out": (weights, multiplications),
        "there is one bias for each map that goes *out*": (weights + maps_in, multiplications),
        "a bias is added, and takes no multiplication": (parameters, parameters * places),
        "a kernel has kernel x kernel numbers": (weights / kernel + maps_out, multiplications / kernel),
        "a kernel reads all maps that come in, not only one": (weights / maps_in + maps_out, multiplications / maps_in),
        "each weight is used once at every place": (parameters, weights),
        "places are all places: they were squared already": (parameters, multiplications * places),
    }


def _counted(maps_in, maps_out, kernel, places, transposed):
    """Parameters and multiplications of a layer as PyTorch counts them."""
    layer = (nn.ConvTranspose2d if transposed else nn.Conv2d)(maps_in, maps_out, kernel)
    side = round(places**0.5) + (0 if transposed else kernel - 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(1, maps_in, side, side))
    return float(sum(p.numel() for p in layer.parameters())), counter.get_total_flops() / 2  # a flop is either of two


def check_jitter(jitter):
    x = torch.zeros(2, 1, 28, 28)
    x[:, :, 14, 14] = 1.0  # a dot, and two in the corners, of which every move pushes out one at least
    x[:, :, 0, 0] = x[:, :, 27, 27] = 0.5
    moves = []
    for _ in range(300):
        moved = filled(jitter(x.clone()))
        if not isinstance(moved, torch.Tensor) or moved.shape != x.shape:
            shape = tuple(moved.shape) if isinstance(moved, torch.Tensor) else type(moved).__name__
            return f"images (2, 1, 28, 28) should come out in the same shape, yours are {shape}"
        for image in moved[:, 0]:
            places = (image == 1).nonzero()
            if len(places) != 1:
                return "one dot goes in, and one should come out, as bright as before"
            moves.append(tuple((places[0] - 14).tolist()))
            if moves[-1] != (0, 0) and image.sum() == 2:
                return "what leaves at one edge comes back at the other: zeros should come in (F.pad, not roll)"
    down, right = ({move[i] for move in moves} for i in (0, 1))
    if len(set(moves)) == 1:
        return "every call moves in the same way: draw the two numbers inside of the function"
    if len(down) == 1 or len(right) == 1:
        return "the images move in one direction only: up or down *and* left or right"
    if max(map(abs, down | right)) > 3:
        return f"a call moved by {max(map(abs, down | right))} pixels: 3 at most"
    if max(down | right) < 3 and min(down | right) == -3:
        return "no call moved by +3: randint leaves its upper end out"
    if min(down | right) >= 0 or max(down | right) <= 0:
        return "the images move to one side only: negative numbers are wanted as well"
    if down != set(range(-3, 4)) or right != set(range(-3, 4)):
        return f"expected all shifts from -3 to 3, yours were {sorted(down)} and {sorted(right)}"
    if all(move[0] == move[1] for move in moves) or all(move[0] == -move[1] for move in moves):
        return "down and right are the same draw: the images move along a diagonal only"
    return None


CHECKS = {
    "03-conv-size": check_conv_size,
    "03-stamp": check_stamp,
    "03-receptive-field": check_receptive_field,
    "03-build": check_build,
    "03-cost": check_cost,
    "03-jitter": check_jitter,
}

QUIZ = [
    {
        "question": "A code has shape (16, 8, 8), the image (1, 28, 28). Is that a bottleneck?",
        "options": {
            "a": ("Yes, 8 is less than 28", "Count all the numbers: there are 16 channels."),
            "b": ("No, it has more numbers than the image", "16 x 8 x 8 = 1024, and the image has 784 pixels."),
            "c": ("Only if the ReLU is left out", "A ReLU changes which values are allowed, not how many there are."),
        },
        "right": "b",
    },
    {
        "question": "Generated images show a fine checkerboard. What is the likely reason?",
        "options": {
            "a": (
                "Too few epochs",
                "More training may hide it, but the pattern comes from how the decoder is built.",
            ),
            "b": ("Pooling in the encoder", "Pooling loses positions; it does not stamp a regular pattern."),
            "c": (
                "Stamps that overlap unevenly",
                "A transposed convolution whose kernel is no multiple of its stride does that.",
            ),
        },
        "right": "c",
    },
    {
        "question": "Network A has error 10.1, network B 10.4, each trained once. Which is better?",
        "options": {
            "a": ("One cannot say", "Train each with several seeds, and compare the difference with the spread."),
            "b": ("A", "Another seed might turn it around."),
            "c": ("A, if the test set is large", "A large test set does not remove the luck of the training run."),
        },
        "right": "a",
    },
    {
        "question": "A convolutional network beats a fully connected one with as many parameters. What else is equal?",
        "options": {
            "a": ("The time for an epoch", "A kernel's weights are used at every place, which takes more arithmetic."),
            "b": ("Everything that matters", "Give the rival as much time, and it may win: it did on this page."),
            "c": ("Nothing yet", "Ask for epochs, arithmetic, time, and how the learning rates were chosen."),
        },
        "right": "c",
    },
    {
        "question": "What makes convolutions save parameters?",
        "options": {
            "a": ("They use small numbers", "The size of a weight costs nothing."),
            "b": (
                "The same weights serve at every place",
                "A kernel of 3 x 3 has nine weights, however large the image is.",
            ),
            "c": ("They skip every second pixel", "That is the stride; it saves arithmetic, not weights."),
        },
        "right": "b",
    },
]
