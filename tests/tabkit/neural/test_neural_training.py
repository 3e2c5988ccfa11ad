from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from tabkit.errors import FitError
from tabkit.neural import Epoch, fit, history_frame, losses, running, training
from tabkit.neural.schedule import batch_size, dropout_at, rate_at
from tabkit.objective import loss
from tabkit.rows import Rows

PLAIN = {"dropout": 0.0, "label_smoothing": 0.0, "weight_decay": 0.0, "averaging": 0.0, "patience": 0, "masked": 0.0}


def _weights(model) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.network.state_dict().items()}


# What the loop can do


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression"])
def test_sixty_four_rows_of_noise_are_learned_by_heart(name, config, labels):
    rng = np.random.default_rng(0)
    features = pl.DataFrame(rng.normal(size=(64, 5)), orient="row")
    y = {"binary": rng.integers(0, 2, 64), "multiclass": rng.integers(0, 3, 64)}.get(name, rng.normal(size=64))
    settings = config(name, hidden=[64, 64], members=1, max_epochs=150, batch_size=16, learning_rate=0.01, **PLAIN)
    model = fit(Rows(features, y), config=settings, classes=labels(name))
    found = model.predict(features, num_threads=1)
    if name == "regression":
        assert float(((found - y) ** 2).mean()) < 1e-3 * y.var()
    else:
        own = np.where(y == 1, found, 1 - found) if name == "binary" else found[np.arange(64), y]
        assert own.min() > 0.98
    assert model.history[-1].loss < 0.01


def test_same_seed_same_weights_and_another_seed_others(rows, config):
    train, valid = rows(), rows(seed=1)
    settings = config(numeric_embedding="piecewise", bins=4)
    first, again = (fit(train, valid, config=settings) for _ in range(2))
    assert first.weights == again.weights
    assert first.to_dict() == again.to_dict()
    assert fit(train, valid, config=config(numeric_embedding="piecewise", bins=4, seed=1)).weights != first.weights


def test_torchs_own_random_numbers_neither_matter_nor_move(rows, config):
    train = rows("binary")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        before = torch.get_rng_state()
        one = fit(train, config=config("binary"))
        one.predict(train.features)
        assert torch.equal(before, torch.get_rng_state())
        torch.manual_seed(2)
        two = fit(train, config=config("binary"))
    assert one.weights == two.weights


def test_a_scoring_in_another_thread_does_not_disturb_a_training(rows, config):
    train = rows()
    other = fit(train, config=config(max_epochs=1))
    quiet = fit(train, config=config())

    class Scoring:
        """Scores with a model that was not read yet, after each epoch."""

        def task(self, *_args, **_more):
            return self

        def __enter__(self):
            return lambda _count: replace(other).predict(train.features)

        def __exit__(self, *_error):
            return None

    assert fit(train, config=config(), progress=Scoring()).weights == quiet.weights


def test_the_number_of_threads_is_put_back(rows, config):
    before = torch.get_num_threads()
    fit(rows(), config=config(max_epochs=1, num_threads=before + 1))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("size", [7, 64, 400, 5000])
def test_any_size_of_batch_takes_every_row_once_in_an_epoch(size, rows, config, monkeypatch):
    seen = []

    def spy(network, batch, *more):
        seen.append(batch.y)
        return step(network, batch, *more)

    step = training._step
    monkeypatch.setattr(training, "_step", spy)
    train = rows()
    model = fit(train, config=config(batch_size=size, max_epochs=2))
    assert len(seen) == 2 * math.ceil(400 / size)
    for epoch in (seen[: len(seen) // 2], seen[len(seen) // 2 :]):
        wanted = ((train.y - train.y.mean()) / train.y.std()).astype(np.float32)
        np.testing.assert_allclose(np.sort(torch.cat(epoch).numpy()), np.sort(wanted), atol=1e-5)
    assert np.isfinite(model.predict(train.features)).all()


# Stopping


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"])
def test_the_best_weights_are_restored(name, rows, config, labels):
    train, valid = rows(name, rows=120), rows(name, rows=150, seed=1)
    settings = config(name, max_epochs=40, patience=4, learning_rate=0.05, calibrate=False, averaging=0.5, dropout=0.0)
    model = fit(train, valid, config=settings, classes=labels(name))
    held_out = [epoch.held_out_loss for epoch in model.history]
    assert 0 < model.epochs < len(held_out)
    assert model.held_out_loss == min(held_out) == held_out[model.epochs - 1]
    assert len(held_out) == model.epochs + 4 or len(held_out) == 40
    assert model.held_out_loss < model.base_loss
    again = loss(valid.y, model.predict(valid.features), weight=valid.weights(), config=settings, objective=model.kind)
    assert again == pytest.approx(model.held_out_loss, rel=1e-5)
    assert model.temperature == 1.0
    assert model.stopped is None


def test_the_base_loss_is_that_of_the_best_constant(rows, config):
    train, valid = rows(), rows(seed=1)
    model = fit(train, valid, config=config())
    assert model.base_loss == pytest.approx(float(np.sqrt(((valid.y - train.y.mean()) ** 2).mean())))


@pytest.mark.parametrize("name", ["binary", "regression"])
def test_noise_is_left_unlearned(name, config):
    rng = np.random.default_rng(0)
    features = [pl.DataFrame(rng.normal(size=(n, 8)), orient="row") for n in (150, 2000)]
    draw = (lambda n: rng.integers(0, 2, n)) if name == "binary" else (lambda n: rng.normal(size=n))
    train, valid = (Rows(frame, draw(frame.height)) for frame in features)
    model = fit(train, valid, config=config(name, max_epochs=30, patience=5, averaging=0.0, calibrate=False))
    assert model.held_out_loss <= model.base_loss
    assert model.base_loss - model.held_out_loss < 0.01
    if model.epochs == 0:
        assert np.ptp(model.predict(valid.features)) == 0
        assert len(model.history) == 5


def test_a_network_that_is_never_better_is_the_base_score(rows, config):
    train = rows()
    against = Rows(train.features, 2 * train.y.mean() - train.y, categorical=("code",))
    model = fit(train, against, config=config(patience=3))
    assert model.epochs == 0
    assert len(model.history) == 3
    np.testing.assert_allclose(model.predict(train.features), train.y.mean())
    assert model.held_out_loss == pytest.approx(model.base_loss)


def test_without_held_out_rows_all_epochs_are_run(rows, config):
    model = fit(rows(), config=config(max_epochs=6, patience=1))
    assert (model.epochs, len(model.history)) == (6, 6)
    assert (model.held_out_loss, model.base_loss, model.temperature) == (None, None, 1.0)
    assert all(epoch.held_out_loss is None for epoch in model.history)


def test_patience_of_zero_goes_on_and_still_restores_the_best(rows, config):
    model = fit(rows(rows=60), rows(seed=1), config=config(max_epochs=30, patience=0, learning_rate=0.1, averaging=0.0))
    assert len(model.history) == 30
    assert model.held_out_loss == min(epoch.held_out_loss for epoch in model.history)
    assert model.epochs < 30


@pytest.mark.parametrize("count", [0, 1, 3])
def test_epochs_end_a_training_on_the_schedule_of_the_longer_one(count, rows, config):
    whole, part = fit(rows(), config=config()), fit(rows(), config=config(), epochs=count)
    assert (part.epochs, len(part.history)) == (count, count)
    assert part.history == whole.history[:count]
    if count == 0:
        np.testing.assert_allclose(part.predict(rows().features), rows().y.mean())


def test_asked_for_epochs_are_kept_though_held_out_rows_say_otherwise(rows, config):
    train = rows()
    against = Rows(train.features, -train.y, categorical=("code",))
    model = fit(train, against, config=config(), epochs=2)
    assert model.epochs == 2
    assert model.held_out_loss == pytest.approx(model.history[1].held_out_loss)
    assert model.held_out_loss > model.base_loss


# A loss that is no number


def test_a_loss_that_breaks_at_once_names_the_learning_rate(rows, config):
    with pytest.raises(FitError, match=r"learning rate 1e\+20.*first one") as caught:
        fit(rows(), config=config(learning_rate=1e20, clip_norm=0))
    assert "learning_rate" in caught.value.advice


@pytest.mark.parametrize("held_out", [False, True])
def test_a_loss_that_breaks_later_leaves_the_best_weights_so_far(held_out, rows, config, monkeypatch):
    step, calls = training._step, []

    def breaking(network, batch, *more):
        calls.append(len(calls))
        found = step(network, batch, *more)
        return found * math.nan if len(calls) == 10 else found  # four steps an epoch: in the third

    monkeypatch.setattr(training, "_step", breaking)
    train, valid = rows(), rows(seed=1)
    model = fit(train, valid if held_out else None, config=config(batch_size=100))
    monkeypatch.undo()
    assert "epoch 3" in model.stopped
    assert "learning rate 0.01" in model.stopped
    assert f"epoch {model.epochs} were restored" in model.stopped
    assert len(model.history) == 2
    assert np.isfinite(model.predict(train.features)).all()
    assert model.weights == fit(train, config=config(batch_size=100), epochs=model.epochs).weights


def test_a_held_out_loss_that_is_no_number_ends_the_training_too(rows, config, monkeypatch):
    judge, calls = running._Judge.__call__, []

    def breaking(self, network):
        calls.append(judge(self, network))
        return math.inf if len(calls) == 4 else calls[-1]  # before the first epoch, and after each

    monkeypatch.setattr(running._Judge, "__call__", breaking)
    model = fit(rows(), rows(seed=1), config=config())
    assert "epoch 3" in model.stopped
    assert model.epochs == 2
    assert model.held_out_loss == pytest.approx(calls[2])


@pytest.mark.parametrize("rate", [1.0, 1e3])
@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_rates_that_are_far_too_high_end_in_our_own_words(name, rate, rows, config):
    try:
        model = fit(rows(name), rows(name, seed=1), config=config(name, learning_rate=rate, clip_norm=0))
    except FitError as error:
        assert "learning rate" in str(error)  # noqa: PT017
    else:
        assert np.isfinite(model.predict(rows(name).features)).all()
        assert model.held_out_loss <= model.base_loss


def test_weights_that_are_no_number_are_never_kept(rows, config, monkeypatch):
    def breaking(self, scores, y):
        return call(self, scores, y) * math.nan

    call = losses.Loss.__call__
    monkeypatch.setattr(losses.Loss, "__call__", breaking)
    with pytest.raises(FitError, match="no finite number in epoch 1"):
        fit(rows(), rows(seed=1), config=config())


# The optimizer


def test_biases_and_scales_do_not_decay_and_scales_learn_faster(rows, config):
    network = fit(rows(), config=config(max_epochs=1)).network
    course = training.Course(
        batch_size=9, learning_rate=0.1, weight_decay=0.5, warmup=0, epochs=1, patience=0, averaging=0, clip_norm=0,
        dropout=0, masked=0,
    )  # fmt: skip
    optimizer, tops = training._optimizer(network, course, ("layers.0.",))
    names = [n for n, _ in network.named_parameters() if not n.startswith("layers.0.")]
    assert {n: g["weight_decay"] for n, g in zip(names, optimizer.param_groups, strict=True)} == {
        "scale": 0.0, "embeddings.0.weight": 0.5, "head.weight": 0.5, "head.bias": 0.0,
    }  # fmt: skip
    assert tops == pytest.approx([0.6, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_a_step_is_torchs_adamw_on_the_sum_of_the_members(clip, rows, config):
    data_of, mine, theirs = rows(), *(fit(rows(), config=config(max_epochs=1)).network for _ in range(2))
    inputs = fit(rows(), config=config(max_epochs=1)).inputs.batch(data_of.features)
    numbers, levels = map(torch.from_numpy, inputs)
    data = training.Data(numbers, levels, torch.zeros(400, 1), torch.from_numpy(data_of.y).float(), None, 2.0)
    course = training.Course(
        batch_size=9, learning_rate=0.1, weight_decay=0.0, warmup=0, epochs=1, patience=0, averaging=0,
        clip_norm=clip, dropout=0, masked=0,
    )  # fmt: skip
    optimizer, _ = training._optimizer(mine, course, ())
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    theirs.requires_grad_(True)
    by_hand = torch.optim.AdamW(theirs.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    for _ in range(4):
        found = training._step(mine, data, losses.Loss("regression"), optimizer, course)
        wanted = (0.5 * (2.0 * theirs.members(numbers, levels)[..., 0] - data.y) ** 2).mean(dim=1)
        by_hand.zero_grad()
        wanted.sum().backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip * math.sqrt(2))
        by_hand.step()
        assert found.item() == pytest.approx(wanted.mean().item(), rel=1e-5)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_weights_are_averaged_over_steps(rows, config):
    network = fit(rows(), config=config(max_epochs=1)).network
    average = training._Average(network, 4.0)
    before = average.weights()["head.weight"]
    with torch.no_grad():
        network.head.weight.add_(1.0)
    average.add(network)
    average.add(network)
    torch.testing.assert_close(average.weights()["head.weight"], before + 1 - 0.75**2)
    latest = training._Average(network, 0.0)
    latest.add(network)
    torch.testing.assert_close(latest.weights()["head.weight"], network.head.weight)


def test_weights_of_rows_are_those_of_a_weighted_loss(rows, config):
    train = rows()
    weight = np.random.default_rng(0).integers(1, 4, 400).astype(float)
    settings = {"batch_size": 1000, "max_epochs": 3, **PLAIN}
    weighted = fit(Rows(train.features, train.y, weight=weight), config=config(**settings))
    times = np.repeat(np.arange(400), weight.astype(int))
    repeated = fit(Rows(train.features[times], train.y[times]), config=config(**settings))
    scaled = fit(Rows(train.features, train.y, weight=7 * weight), config=config(**settings))
    assert weighted.base_score == pytest.approx(repeated.base_score)
    assert weighted.history[0].loss == pytest.approx(repeated.history[0].loss, rel=1e-5)
    np.testing.assert_allclose(weighted.predict(train.features), scaled.predict(train.features), rtol=1e-4, atol=1e-5)


# The schedule


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    rates = [rate_at(step, steps=100, warmup=0.1) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10:] == pytest.approx(0.5 * (1 + np.cos(np.pi * np.arange(90) / 90)))
    assert max(rates) == 1.0


@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.999])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_rates_of_the_shortest_schedules_are_above_zero_and_at_most_one(steps, warmup):
    rates = [rate_at(step, steps=steps, warmup=warmup) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    if warmup == 0:
        assert rates[0] == 1.0
        assert rates == sorted(rates, reverse=True)
    assert rate_at(steps + 5, steps=steps, warmup=warmup) < 1e-9


def test_dropout_stays_for_half_of_the_steps_and_ends_at_nothing():
    shares = [dropout_at(step, steps=100) for step in range(101)]
    assert set(shares[:51]) == {1.0}
    assert shares[50:] == sorted(shares[50:], reverse=True)
    assert shares[75] == pytest.approx(0.5)
    assert shares[100] == 0.0
    assert dropout_at(0, steps=1) == dropout_at(0, steps=0) == 1.0


def test_batches_grow_with_the_rows_as_powers_of_two():
    sizes = [batch_size(rows) for rows in range(1, 200_000, 37)]
    assert sizes == sorted(sizes)
    assert {int(np.log2(size)) == np.log2(size) for size in sizes} == {True}
    assert (sizes[0], batch_size(10**9)) == (16, 1024)


def test_the_history_is_a_frame():
    frame = history_frame([Epoch(0.5, None, 0.1), Epoch(0.4, 0.3, 0.05)])
    assert frame.rows() == [(1, 0.5, None, 0.1), (2, 0.4, 0.3, 0.05)]
    assert frame.schema == {
        "epoch": pl.Int64,
        "loss": pl.Float64,
        "held_out_loss": pl.Float64,
        "learning_rate": pl.Float64,
    }
    assert history_frame([]).schema == frame.schema
    assert history_frame([Epoch(0.5, None, 0.1)]).schema == frame.schema


def test_the_history_tells_the_rate_of_each_epoch(rows, config):
    frame = history_frame(fit(rows(), config=config(batch_size=100, max_epochs=5, warmup=0.0)).history)
    wanted = [0.01 * rate_at(4 * k + 3, steps=20, warmup=0.0) for k in range(5)]
    assert frame["learning_rate"].to_list() == pytest.approx(wanted)


def test_progress_hears_of_each_epoch(rows, config):
    heard = []

    class Listening:
        def task(self, description, *, total):
            heard.append((description, total))
            return self

        def __enter__(self):
            return heard.append

        def __exit__(self, *_error):
            return None

    fit(rows(), config=config(max_epochs=3), progress=Listening())
    assert heard == [("training the network", 3), 1, 1, 1]
