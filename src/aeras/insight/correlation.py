"""Whether an item sells less while shoppers reject it more, all else that is known being equal.

Cells of time (a day, or a part of one) of each item: units sold, handlings, rejections, and what
else moves sales: traffic, price, promotion, shelf availability, sales of the rest of the category,
part of day, weekday, trend.

1. The reaction. A share of few handlings is mostly chance, and would dilute any effect (regression
   dilution). Its part that is not chance is told from the cells before and after, as the best
   linear forecast of something that wanders (a first-order autoregression with binomial noise).
2. The sales: negative binomial with a log link, by generalised least squares, on that part. Beside
   it stands what the share of the cell itself has beyond it: who put it back did not buy it, which
   is no effect of a reaction on others. What lasts of sales by themselves wanders, too.
3. How much both wander is taken from all items together (restricted maximum likelihood), so that an
   item with few cells need not tell it by itself. Student's t interval for each item.
4. Over the items the false discoveries are held by Benjamini and Hochberg's procedure (1995,
   JRSS B 57:289-300).

It is adjusted correlation, not proof of a cause: what moves both and is not among the columns is
still in it. The measurement model is that of Carroll, Ruppert, Stefanski and Crainiceanu 2006,
Measurement Error in Nonlinear Models, chapter 4 (regression calibration).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from aeras.insight import change

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FEWEST_CELLS = 40
"""Usable cells of an item below which nothing is reckoned."""
FEWEST_UNITS = 40.0
SOLD_OUT = 0.5
"""Share of a cell without stock from which on it is not usable."""
_ROUNDS = 8
_LOOKS = frozenset({3, 6})
"""Rounds in which it is told how sales wander."""
_RIDGE = 1e-9
_FLAT = 1e-9
"""Deviation below which a column does not vary."""
_NEVER = 1e6
"""Variance of a cell that tells nothing."""
TENTH = 0.1
"""Effects are told for ten points more of the share."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Cells of I items in T steps of time.

    Attributes:
        units: (I, T) sold.
        handled, rejected: (I, T) handlings that could be told, and those that read as rejection.
        known: (I, T, P) what else moves sales, as log or share; P may be 0.
        usable: (I, T) False where the item could not be bought, or the till was not heard.
    """

    units: Floats
    handled: Floats
    rejected: Floats
    known: Floats
    usable: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """What was found of I items; NaN where nothing could be reckoned.

    Attributes:
        change: Change of sales with ten points more of rejection, as a share of sales (-0.1 is a
            tenth less).
        low, high: 95 % interval; -1 and inf where it has no end.
        p: That there is no link; from the slope of sales alone, so right for any reactions.
        found: Among the discoveries.
        cells: Usable cells.
        naive: Plain correlation of units with the share of the same cell.
        naive_p: That it is none, as if cells were independent.
        naive_low, naive_high: 95 % interval of the plain regression's change.
    """

    change: Floats
    low: Floats
    high: Floats
    p: Floats
    found: Bools
    cells: Floats
    naive: Floats
    naive_p: Floats
    naive_low: Floats
    naive_high: Floats


def links(panel: Panel, *, fdr: float = 0.05, lag: int = 0) -> Links:
    """The link of each item; see the module.

    Args:
        panel: At least one item.
        fdr: Share of false discoveries that is allowed.
        lag: Steps by which sales follow the reaction, >= 0.
    """
    panel = _lagged(panel, lag)
    known = _standard(panel.known, panel.usable)
    expected, own = _expected(panel, known)
    design = np.concatenate([np.stack([expected, own], axis=-1), known], axis=-1)
    fit = _sales(design, panel.units, panel.usable)
    cells = panel.usable.sum(axis=1)
    free = np.maximum(cells - design.shape[-1], 1)
    value = fit.slopes[:, 0]
    error = np.sqrt(fit.covariance[:, 0, 0] * fit.rest / free)
    value[~_enough(panel, cells)] = np.nan
    half = special.stdtrit(free, 0.975) * error
    p = 2 * special.stdtr(free, -np.abs(value) / error)
    low, high = (np.expm1(TENTH * (value + sign * half)) for sign in (-1, 1))
    naive, naive_p, naive_low, naive_high = _plain(panel)
    return Links(
        change=np.expm1(value * TENTH),
        low=low,
        high=high,
        p=p,
        found=discoveries(p, fdr),
        cells=cells,
        naive=naive,
        naive_p=naive_p,
        naive_low=naive_low,
        naive_high=naive_high,
    )


def _enough(panel: Panel, cells: Floats) -> Bools:
    units = np.where(panel.usable, panel.units, 0).sum(axis=1)
    found: Bools = (cells >= FEWEST_CELLS) & (units >= FEWEST_UNITS)
    return found


def discoveries(p: Floats, fdr: float) -> Bools:
    """Those of Benjamini and Hochberg; NaN is no test and never a discovery."""
    found: Bools = np.zeros(len(p), dtype=np.bool_)
    tested = np.isfinite(p)
    found[tested] = change.discoveries(p[tested].tolist(), fdr)
    return found


def _lagged(panel: Panel, lag: int) -> Panel:
    """Sales, and what else moves them, of ``lag`` steps later."""
    if not lag:
        return panel
    early, late = slice(None, -lag), slice(lag, None)
    return Panel(
        units=panel.units[:, late],
        handled=panel.handled[:, early],
        rejected=panel.rejected[:, early],
        known=panel.known[:, late],
        usable=panel.usable[:, late],
    )


def _standard(known: Floats, usable: Bools) -> Floats:
    """Columns with mean 0 and deviation 1 over the usable cells, after one of ones."""
    weight = usable[..., None]
    count = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    centred = known - (known * weight).sum(axis=1, keepdims=True) / count
    spread = np.sqrt((centred**2 * weight).sum(axis=1, keepdims=True) / count)
    scaled = np.where(spread > _FLAT, centred / np.maximum(spread, _FLAT), 0.0)
    return np.concatenate([np.ones((*known.shape[:2], 1)), scaled], axis=-1)


class _Wander(NamedTuple):
    """Something that wanders: its variance, and how much of it stays for a step."""

    variance: float
    stays: float


class _Fit(NamedTuple):
    """Coefficients (I, K), their covariance (I, K, K), fitted values (I, T), the sum of whitened
    squares that is left (I,), and -2 log restricted likelihood of all items.
    """

    slopes: Floats
    covariance: Floats
    fitted: Floats
    rest: Floats
    loss: float


def _whitened(
    columns: Floats, noise: Floats, wander: _Wander, size: Floats
) -> tuple[Floats, Floats]:
    """What is new in each cell, over its deviation, if the errors are noise and something that
    wanders: the innovations of a Kalman filter, for all columns at once.

    Args:
        columns: (T, I, K).
        noise: (T, I) variances.
        wander: Common to all items.
        size: (I,) by which each item wanders more.

    Returns:
        (T, I, K), and the log determinant of each item's covariance (I,).
    """
    white = np.empty_like(columns)
    state, spread = np.zeros_like(columns[0]), wander.variance * size**2
    fresh = (1 - wander.stays**2) * spread
    total = np.zeros(len(size))
    for at, cell in enumerate(columns):
        whole = spread + noise[at]
        gain = spread / whole
        new = cell - state
        white[at] = new / np.sqrt(whole)[:, None]
        total += np.log(whole)
        state = wander.stays * (state + gain[:, None] * new)
        spread = wander.stays**2 * (1 - gain) * spread + fresh
    return white, total


def _smooth(apart: Floats, noise: Floats, wander: _Wander, size: Floats) -> Floats:
    """The part of (T, I) that wanders, as all cells together let expect it (Rauch, Tung and
    Striebel 1965).
    """
    ahead, spreads, held, kept = (np.empty_like(apart) for _ in range(4))
    state, spread = np.zeros(len(size)), wander.variance * size**2
    fresh = (1 - wander.stays**2) * spread
    for at, cell in enumerate(apart):
        ahead[at], spreads[at] = state, spread
        gain = spread / (spread + noise[at])
        held[at], kept[at] = state + gain * (cell - state), (1 - gain) * spread
        state, spread = wander.stays * held[at], wander.stays**2 * kept[at] + fresh
    found = held
    for at in range(len(apart) - 2, -1, -1):
        back = wander.stays * kept[at] / spreads[at + 1]
        found[at] += back * (found[at + 1] - ahead[at + 1])
    return found


def _least_squares(
    design: Floats, target: Floats, noise: Floats, wander: _Wander, size: Floats
) -> _Fit:
    """Generalised least squares of all items: (T, I, K) on (T, I)."""
    both = np.concatenate([design, target[..., None]], axis=-1)
    white, size_of = _whitened(both, noise, wander, size)
    x, y = white[..., :-1].transpose(1, 0, 2), white[..., -1].T
    moment = np.swapaxes(x, 1, 2) @ x
    scale = np.maximum(np.trace(moment, axis1=1, axis2=2), 1e-12)[:, None, None]
    moment = moment + _RIDGE * scale * np.eye(moment.shape[-1])
    covariance = np.linalg.inv(moment)
    slopes = np.einsum("ikl,itl,it->ik", covariance, x, y, optimize=True)
    rest = ((y - np.einsum("itk,ik->it", x, slopes)) ** 2).sum(axis=1)
    loss = float((size_of + np.linalg.slogdet(moment)[1] + rest).sum())
    return _Fit(slopes, covariance, np.einsum("tik,ik->ti", design, slopes), rest, loss)


def _likeliest(loss: Callable[[Floats], float], start: Floats) -> Floats:
    """The parameters of least loss, on a log or log odds scale."""
    found = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"maxfev": 50, "xatol": 0.05, "fatol": 0.5}
    )
    best: Floats = found.x
    return best


def _wander(variance: float, stays: float) -> _Wander:
    """Of the log of a variance and the log odds of what stays."""
    return _Wander(
        float(np.exp(np.clip(variance, -14, 2))), float(special.expit(np.clip(stays, -2, 6)))
    )


def _expected(panel: Panel, known: Floats) -> tuple[Floats, Floats]:
    """The part of the rejection share that is neither chance nor known, and what the share of the
    cell itself has beyond it; (I, T) each.
    """
    seen = (panel.usable & (panel.handled > 0)).T
    p = (panel.rejected.sum(1) + 1) / (panel.handled.sum(1) + 5)
    size = p * (1 - p)
    noise = np.where(seen, size / np.maximum(panel.handled.T, 1), _NEVER)
    share = np.where(seen, panel.rejected.T / np.maximum(panel.handled.T, 1), p)
    columns = known.transpose(1, 0, 2)

    def fit(parameters: Floats) -> _Fit:
        return _least_squares(columns, share, noise, _wander(*parameters), size)

    best = _likeliest(lambda at: fit(at).loss, np.array([-1.5, 2.0]))
    apart = np.where(seen, share - fit(best).fitted, 0.0)
    expected = _smooth(apart, noise, _wander(*best), size)
    return expected.T, np.where(seen, apart - expected, 0.0).T


def _sales(design: Floats, units: Floats, usable: Bools) -> _Fit:
    """Log sales by iterated generalised least squares."""
    on, units = usable.T, np.where(usable, units, 0.0).T
    columns = design.transpose(1, 0, 2)
    middle = np.log(units.sum(axis=0) / np.maximum(on.sum(axis=0), 1) + 0.5)
    eta = np.where(on, (np.log(units + 0.5) + middle) / 2, middle)
    best, one = np.array([-5.0, 2.0, -4.0]), np.ones(units.shape[1])
    for turn in range(_ROUNDS):
        mean = np.exp(np.clip(eta, -10, 20))
        working = eta + np.where(on, (units - mean) / mean, 0.0)

        def fit(at: Floats, mean: Floats = mean, working: Floats = working) -> _Fit:
            noise = np.where(on, 1 / mean + np.exp(np.clip(at[2], -14, 2)), _NEVER)
            return _least_squares(columns, working, noise, _wander(*at[:2]), one)

        def loss(at: Floats, fit: Callable[[Floats], _Fit] = fit) -> float:
            return fit(at).loss

        if turn in _LOOKS:
            best = _likeliest(loss, best)
        found = fit(best)
        eta = eta + np.clip(found.fitted - eta, -1.5, 1.5)
    return found


def _plain(panel: Panel) -> tuple[Floats, Floats, Floats, Floats]:
    """Correlation of units and share of the same cells with its p-value, and the interval of a
    regression of log sales on the share alone.
    """
    on = (panel.usable & (panel.handled > 0)).astype(float)
    count = np.maximum(on.sum(axis=1), 3)
    x = _centred(panel.rejected / np.maximum(panel.handled, 1), on, count)
    y = _centred(panel.units, on, count)
    log = _centred(np.log(panel.units + 0.5), on, count)
    xx = np.maximum((x**2).sum(axis=1), 1e-12)
    r = (x * y).sum(axis=1) / np.sqrt(xx * np.maximum((y**2).sum(axis=1), 1e-12))
    t = r * np.sqrt((count - 2) / np.maximum(1 - r**2, 1e-12))
    slope = (x * log).sum(axis=1) / xx
    error = np.sqrt(((log - slope[:, None] * x) ** 2).sum(axis=1) / (count - 2) / xx)
    half = special.stdtrit(count - 2, 0.975) * error
    low, high = (np.expm1(TENTH * (slope + sign * half)) for sign in (-1, 1))
    return r, 2 * special.stdtr(count - 2, -np.abs(t)), low, high


def _centred(values: Floats, on: Floats, count: Floats) -> Floats:
    found: Floats = (values - ((values * on).sum(axis=1) / count)[:, None]) * on
    return found
