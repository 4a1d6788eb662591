"""The signal through attention: averages with random weights."""

from __future__ import annotations

from math import exp, log, sqrt

from archlint.analysis.signal.gaussian import TINY
from archlint.analysis.signal.signal import Signal, constant, normal
from archlint.ops.effect import Attends, Shares

_SHARE_SLACK = 0.03  # ln: the sum of the exponentials differs from its mean
_MOST_VARIANCE = 50.0  # of scores: then all of the attention is at one position
_SLACK = 0.2  # ln: the uncertainty of the correlation between positions


def shared(name: str, logits: Signal, effect: Shares) -> Signal:
    """Softmax of normal logits: shares exp(s) / sum, whose sum of squares is of a few percent."""
    variance = varying(logits)
    length = _seen(effect.length, causal=effect.causal)
    concentrated = _concentration(variance, length)
    # The deviation of the scores is that of few heads, and differs from one to the next.
    low, high = (_concentration(variance * each, length) for each in (0.5, 2.0))
    share = constant(sqrt(concentrated / effect.length))
    return Signal(
        name,
        share.function,
        1.0,
        1.0,
        low=log(low / concentrated) - _SHARE_SLACK,
        high=log(high / concentrated) + _SHARE_SLACK,
        shares=effect.length,
    )


def varying(signal: Signal) -> float:
    """Return the variance of a signal over positions."""
    return max(signal.second_moment - signal.places_product, 0.0)


def sensitivity(scores: float, effect: Shares | Attends) -> float:
    """Return the factor of a softmax on the second moment of the gradient of its scores.

    A score gets p (g - sum p g), which for independent gradients g of mean square one has the mean
    square (sum p^2 - 2 sum p^3 + (sum p^2)^2) / T. The exponentials of scores of the given variance
    are approximated by gamma distributions with the same mean and variance: then shares have a
    Dirichlet distribution, for which the sums are known. A causal row reads 1 to T positions.
    """
    import numpy as np

    seen = np.arange(1 if effect.causal else effect.length, effect.length + 1)
    growth = exp(min(scores, _MOST_VARIANCE))
    more = growth - 1
    rows = growth * seen * (seen - 1) / ((seen + more) ** 2 * (seen + 2 * more))
    return float(rows.mean()) / effect.length


def attention_scores(query: Signal, key: Signal) -> float:
    """Return the variance of q k / sqrt(d) from one key to another."""
    return query.second_moment * varying(key)


def _seen(length: float, *, causal: bool) -> float:
    """Return the effective number T of positions: 1/T is the mean of 1/t, H_T/T where causal."""
    return length / (log(length) + 0.5772) if causal and length > 1 else float(length)


def _concentration(variance: float, length: float) -> float:
    """Return sum p^2 of a softmax over `length` normal logits: from 1/T at rest to 1.

    It is the mean of exp(2s) over the square of that of exp(s), of which the share 1/T is of the
    one logit itself.
    """
    growth = exp(min(variance, _MOST_VARIANCE))
    return min(growth / (1 + (growth - 1) / length) / length, 1.0)


def averaged(name: str, shares: Signal, values: Signal) -> Signal:
    """Average values at many positions with shares that sum to one."""
    length = shares.shares or 1
    concentrated = min(length * shares.second_moment, 1.0)
    return _average(name, values, concentrated, 1 / length)


def attended(name: str, scores: float, values: Signal, effect: Attends) -> Signal:
    """Average values with the softmax of scores of the given variance."""
    length = _seen(effect.length, causal=effect.causal)
    return _average(name, values, _concentration(scores, length), 1 / length)


def _average(name: str, values: Signal, concentrated: float, least: float) -> Signal:
    square = values.second_moment
    alike = min(values.places_product, square)
    moment = alike + (square - alike) * concentrated
    low = alike + (square - alike) * min(least, concentrated)
    # The remaining difference between positions is the same at all of them.
    products = (min(values.product, moment), moment)
    return normal(
        name,
        values.mean,
        moment,
        products,
        low=values.low + log(max(low, TINY) / max(moment, TINY)) - _SLACK,
        high=values.high + _SLACK,
        drift=values.drift,
        width=values.width,
    )
