from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs

from tabkit.neural.losses import Loss
from tabkit.neural.mlp import MLP, LevelEmbedding, Parallel, Piecewise, Shape

LOSSES = {
    "binary": Loss("binary"),
    "binary smooth": Loss("binary", smoothing=0.1),
    "multiclass": Loss("multiclass"),
    "multiclass smooth": Loss("multiclass", smoothing=0.1),
    "regression": Loss("regression"),
    "poisson": Loss("poisson", power=1.0),
    "gamma": Loss("gamma", power=2.0),
    "tweedie": Loss("tweedie", power=1.3),
    "quantile": Loss("quantile", quantile=0.8),
}


def _shape(**changes) -> Shape:
    plain = {
        "numbers": 2, "missing": 1, "sizes": (3, 12), "outputs": 1, "members": 2, "hidden": (4, 3),
        "activation": "silu", "embedding_size": 3, "bins": 0,
    }  # fmt: skip
    return Shape(**{**plain, **changes})


def _network(**changes) -> MLP:
    """Return a network in double precision whose head is not zero, so that every gradient is alive."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(_shape(**changes)).double()
        if network.bins is not None:
            network.bins.edges.copy_(
                torch.linspace(-2.5, 2.5, network.shape.bins + 1).expand(network.shape.numbers, -1)
            )
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, dtype=torch.float64))
    return network


def _inputs(n=7):
    rng = np.random.default_rng(1)
    levels = np.column_stack([rng.integers(0, 3, n), rng.integers(0, 12, n)])
    numbers = np.column_stack([rng.normal(size=(n, 2)), rng.integers(0, 2, n)])
    return torch.from_numpy(numbers), torch.from_numpy(levels)


def _target(name, n=7):
    rng = np.random.default_rng(2)
    y = {"binary": rng.integers(0, 2, n), "multiclass": rng.integers(0, 3, n)}.get(name.split()[0])
    return torch.from_numpy((rng.gamma(2.0, 1.0, n) if y is None else y).astype(float))


def _slopes(function, parameter, step=1e-6):
    """Return central differences of a function by each entry of a parameter."""
    found = torch.zeros_like(parameter)
    with torch.no_grad():
        for k in range(parameter.numel()):
            entry, sides = parameter.view(-1), []
            for sign in (1, -1):
                before = entry[k].item()
                entry[k] = before + sign * step
                sides.append(function().item())
                entry[k] = before
            found.view(-1)[k] = (sides[0] - sides[1]) / (2 * step)
    return found


def _check_gradients(network, loss, y):
    numbers, levels = _inputs()

    def total():
        return loss(network.members(numbers, levels), y).sum()

    network.zero_grad()
    total().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        np.testing.assert_allclose(parameter.grad, _slopes(total, parameter), atol=2e-6, rtol=2e-5, err_msg=name)
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_every_loss_are_those_of_finite_differences(name):
    outputs = 3 if "multiclass" in name else 1
    _check_gradients(_network(outputs=outputs), LOSSES[name], _target(name))


@pytest.mark.parametrize("activation", ["silu", "relu", "gelu", "sigmoid"])
@pytest.mark.parametrize("bins", [0, 3])
def test_gradients_hold_for_every_activation_and_for_piecewise_numbers(activation, bins):
    _check_gradients(_network(activation=activation, bins=bins), LOSSES["regression"], _target("regression"))


@pytest.mark.parametrize(
    ("changes", "taken"),
    [({"numbers": 0, "missing": 0}, "levels"), ({"sizes": ()}, "numbers"), ({"hidden": (5,), "members": 1}, "both")],
)
def test_gradients_hold_where_a_kind_of_input_is_not_there(changes, taken):
    network = _network(**changes)
    numbers, levels = _inputs()
    numbers, levels = (numbers[:, :0], levels) if taken == "levels" else (numbers, levels[:, : len(network.embeddings)])

    def total():
        return LOSSES["regression"](network.members(numbers, levels), _target("regression")).sum()

    total().backward()
    for name, parameter in network.named_parameters():
        if parameter.numel():
            np.testing.assert_allclose(parameter.grad, _slopes(total, parameter), atol=2e-6, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", [n for n in LOSSES if "multiclass" not in n])
def test_losses_of_one_score_have_the_gradient_that_autograd_checks(name):
    scores = torch.tensor([[-1.3], [0.4], [2.2], [0.9], [-0.2], [1.1], [0.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, _target(name)), scores)


# The layers


def test_parallel_layers_are_torchs_own_linear_layers_side_by_side():
    layer = Parallel(3, 5, 4).double()
    x = torch.randn(3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for k, found in enumerate(layer(x)):
        linear = torch.nn.Linear(5, 4).double()
        linear.load_state_dict({"weight": layer.weight[k].T, "bias": layer.bias[k, 0]})
        torch.testing.assert_close(found, linear(x[k]))


def test_parallel_layers_begin_as_torchs_own_do():
    torch_own = torch.nn.Linear(400, 500)
    layer = Parallel(2, 400, 500)
    assert layer.weight.std().item() == pytest.approx(torch_own.weight.std().item(), rel=0.02)
    assert layer.weight.abs().max().item() <= 1 / 20
    assert layer.bias.abs().max().item() == pytest.approx(torch_own.bias.abs().max().item(), rel=0.05)
    assert not torch.equal(layer.weight[0], layer.weight[1])


def test_members_share_nothing():
    network = _network(bins=3)
    numbers, levels = _inputs()
    LOSSES["regression"](network.members(numbers, levels), _target("regression"))[0].sum().backward()
    for name, parameter in network.named_parameters():
        if name.startswith("embeddings"):
            mine, other = parameter.grad.chunk(2, dim=1)
        else:
            mine, other = parameter.grad
        assert mine.abs().sum() > 0, name
        assert not other.any(), name


def test_the_score_is_the_mean_of_the_members():
    network, inputs = _network(), _inputs()
    torch.testing.assert_close(network(*inputs), network.members(*inputs).mean(dim=0))
    assert network.members(*inputs).shape == (2, 7, 1)
    assert network.embed(*inputs).shape == (2, 7, 3)


def test_a_member_is_a_plain_network_written_by_hand():
    network = _network(bins=3, activation="relu")
    numbers, levels = _inputs()
    for m in range(2):
        width = [e.weight.shape[1] // 2 for e in network.embeddings]
        parts = [numbers * network.scale[m], network.bins(numbers[:, :2])]
        parts += [
            e.weight[levels[:, k], m * w : (m + 1) * w]
            for k, (e, w) in enumerate(zip(network.embeddings, width, strict=True))
        ]
        x = torch.cat(parts, dim=1)
        for layer in network.layers:
            x = torch.relu(x @ layer.weight[m] + layer.bias[m])
        torch.testing.assert_close(
            network.members(numbers, levels)[m], x @ network.head.weight[m] + network.head.bias[m]
        )


def test_an_untrained_network_adds_nothing():
    numbers, levels = _inputs()
    assert not MLP(_shape(outputs=3))(numbers.float(), levels).any()


def test_few_levels_begin_one_hot_and_the_unknown_at_zero():
    few, many = LevelEmbedding(4, _shape()), LevelEmbedding(50, _shape())
    torch.testing.assert_close(few(torch.tensor([1, 2, 3]))[0], torch.eye(3))
    assert few(torch.tensor([0, 1])).shape == (2, 2, 3)
    assert many.weight.shape == (50, 6)
    assert not few(torch.tensor([0])).any()
    assert not many(torch.tensor([0])).any()
    assert len({tuple(row) for row in many.weight.tolist()}) == 50


def test_piecewise_numbers_are_those_of_the_formula():
    layer = Piecewise(2, 3)
    layer.edges.copy_(torch.tensor([[0.0, 1, 3, 4], [5, 5, 5, 6]]))
    found = layer(torch.tensor([[2.0, 5.5], [-7, 4], [9, 7], [1, 5]]))
    wanted = [[1, 0.5, 0, 0, 0, 0.5], [0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0]]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float32))


def test_dropout_and_masking_act_in_training_only():
    network, inputs = _network(), _inputs()
    plain = network(*inputs)
    network.dropout, network.masked = 0.5, 0.9
    assert not torch.equal(network.train()(*inputs), plain)
    torch.testing.assert_close(network.eval()(*inputs), plain)


def test_all_masked_levels_are_the_unknown_one():
    network = _network().train()
    numbers, levels = _inputs()
    network.masked = 1.0
    torch.testing.assert_close(network(numbers, levels), network(numbers, torch.zeros_like(levels)))


def test_a_generator_of_its_own_leaves_torchs_stream_alone():
    before = torch.get_rng_state()
    first, second = (MLP(_shape(), generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


# Losses against scikit-learn: a training loss leaves out what depends on the target alone, so differences are compared


def _two_scores(n=200):
    rng = np.random.default_rng(3)
    return rng.normal(size=n), rng.normal(size=n), rng


def _mean(loss, raw, y):
    return loss(torch.from_numpy(raw)[:, None], torch.from_numpy(y)).mean().item()


@pytest.mark.parametrize(
    ("loss", "power"), [(LOSSES["poisson"], 1.0), (LOSSES["gamma"], 2.0), (LOSSES["tweedie"], 1.3)]
)
def test_log_link_losses_are_half_the_deviance(loss, power):
    a, b, rng = _two_scores()
    y = rng.poisson(2.0, 200) + (0.5 if power == 2 else 0.0)
    wanted = [theirs.mean_tweedie_deviance(y, np.exp(raw), power=power) / 2 for raw in (a, b)]
    assert _mean(loss, a, y) - _mean(loss, b, y) == pytest.approx(wanted[0] - wanted[1], rel=1e-9)


def test_binary_and_multiclass_losses_are_the_log_loss():
    a, b, rng = _two_scores()
    y = rng.integers(0, 2, 200).astype(float)
    assert _mean(LOSSES["binary"], a, y) == pytest.approx(theirs.log_loss(y, 1 / (1 + np.exp(-a))), rel=1e-9)
    scores = np.column_stack([a, b, rng.normal(size=200)])
    classes = rng.integers(0, 3, 200)
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = LOSSES["multiclass"](torch.from_numpy(scores), torch.from_numpy(classes.astype(float))).mean().item()
    assert found == pytest.approx(theirs.log_loss(classes, proba), rel=1e-9)


def test_regression_and_quantile_losses_are_scikit_learns():
    a, _, rng = _two_scores()
    y = rng.normal(size=200)
    assert 2 * _mean(LOSSES["regression"], a, y) == pytest.approx(theirs.mean_squared_error(y, a), rel=1e-9)
    wanted = theirs.mean_pinball_loss(y, a, alpha=0.8)
    assert _mean(LOSSES["quantile"], a, y) == pytest.approx(wanted, rel=1e-9)


def test_label_smoothing_is_torchs_own():
    _, _, rng = _two_scores()
    scores, classes = torch.from_numpy(rng.normal(size=(50, 3))), torch.from_numpy(rng.integers(0, 3, 50))
    wanted = torch.nn.functional.cross_entropy(scores, classes, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(LOSSES["multiclass smooth"](scores, classes.double()), wanted)
    two = torch.column_stack([torch.zeros(50, dtype=torch.float64), scores[:, 0]])
    wanted = torch.nn.functional.cross_entropy(two, classes.clip(0, 1), label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(LOSSES["binary smooth"](scores[:, :1], classes.clip(0, 1).double()), wanted)


def test_smoothing_by_the_classes_shares_keeps_their_rates():
    classes = torch.tensor([0] * 90 + [1] * 8 + [2] * 2)
    shares = (0.9, 0.08, 0.02)
    scores = torch.tensor(shares).log().expand(100, 3).clone().requires_grad_()
    Loss("multiclass", smoothing=0.3, prior=shares)(scores, classes).sum().backward()
    torch.testing.assert_close(scores.grad.sum(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    two = torch.full((100, 1), math.log(0.08 / 0.92), requires_grad=True)
    Loss("binary", smoothing=0.3, prior=(0.92, 0.08))(two, torch.tensor([1.0] * 8 + [0.0] * 92)).sum().backward()
    torch.testing.assert_close(two.grad.sum(), torch.tensor(0.0), atol=1e-4, rtol=0)
