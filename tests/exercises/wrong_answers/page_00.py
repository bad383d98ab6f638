"""Typical wrong answers to the exercises of page 00, and what each should be told."""


def squared(x_hat, x):
    return (x_hat - x) ** 2


WRONG = [
    ("00-flatten", lambda x: x.reshape(784, -1), "one row per image"),
    ("00-flatten", lambda x: x.reshape(5, 784), "not for two"),
    ("00-flatten", lambda x: x.reshape(784, -1).T, "mixed up"),
    ("00-flatten", lambda x: x.squeeze().flatten(1), "not for one"),
    ("00-flatten", lambda x: x, "(5, 784)"),
    ("00-flatten", lambda x: x.reshape(B, 784), "B stands for any number"),  # noqa: F821
    ("00-flatten", lambda x: 784, "expected a tensor"),
    ("00-squared-difference", lambda a, b: squared(a, b).mean(), "mean over the pixels"),
    ("00-squared-difference", lambda a, b: (a - b).abs().sum(), "absolute"),
    ("00-squared-difference", lambda a, b: (a - b).sum(), "cancel out"),
    ("00-squared-difference", lambda a, b: (a - b).sum() ** 2, "add before you square"),
    ("00-squared-difference", lambda a, b: squared(a, b).sum().sqrt(), "leave the root out"),
    ("00-squared-difference", squared, "add all pixels up"),
    ("00-squared-difference", lambda a, b: 1.0, "not the sum"),
    ("00-step", lambda w, g, lr: w + lr * g, "uphill"),
    ("00-step", lambda w, g, lr: w - g, "learning rate is missing"),
    ("00-step", lambda w, g, lr: w - lr * g.abs(), "not the weights"),
    ("00-step", lambda w, g, lr: lr * g, "take it away from w"),
    ("00-step", lambda w, g, lr: w - g / lr, "do not divide"),
    ("00-step", lambda w, g, lr: -lr * g, "change of the weights"),
    ("00-step", lambda w, g, lr: w, "not the weights"),
    ("00-step", lambda w, g, lr: w - 0.1 * g, "use the lr that is given"),
    ("00-step", lambda w, g, lr: None, "is there a `return`"),
    ("00-flatten", lambda x: x.transpose(2, 3).reshape(-1, 784), "another order"),
    ("00-squared-difference", lambda a, b: squared(a, b).reshape(3, 784).sum(), "raised RuntimeError"),
]
