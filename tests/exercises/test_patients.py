"""What page 02 says of its patients, where the page itself cannot show it."""

import torch

from course_utils.data import load
from course_utils.exercises.patients import _loss, _terms
from course_utils.models import VAE
from course_utils.training import fit


def test_patient_a_copies_far_worse_with_the_right_sigma():
    train, x = load("digits", "train", 10_000), load("digits", "test").tensors[0][:1_000].flatten(1)

    def copying(patient):
        def loss(model, x, y):
            return _loss(*_terms(model, x.flatten(1), *model.encode(x.flatten(1)), patient), patient)

        torch.manual_seed(0)
        model = VAE()
        fit(model, train, loss, epochs=2, device="cpu", progress=False)  # about as many steps as on the page
        torch.manual_seed(0)
        with torch.no_grad():
            drawn = {who: _terms(model, x, *model.encode(x), who)[0].sum(1).mean().item() for who in (patient, "none")}
        return drawn

    sick, healthy = copying("A"), copying("healthy")
    assert sick["A"] < healthy["none"]  # by its own draws it seems the better one
    assert sick["none"] > healthy["none"] + 20  # nats
