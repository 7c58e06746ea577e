"""What a population of runs says of the claim that training ends near the greatest log volume."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spicebuf.errors import InputError
from spicebuf.prediction.claim import Claim
from spicebuf.prediction.summary import Summary

Word = Literal["supported", "refuted", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """One word, and why.

    Attributes
    ----------
    word : str
        ``"supported"``, ``"refuted"`` or ``"undecided"``.
    reason : str
        One sentence.
    """

    word: Word
    reason: str


def judge(claim: Claim, summary: Summary, nulls: Mapping[str, Summary]) -> Verdict:
    """Hold a claim against the runs that succeeded.

    It is supported if the lower limit of their share near the greatest log volume is at least the claimed
    one, and above the upper limit of each null that the claim names: what a null fulfils as well tells
    nothing. It is refuted if the upper limit is below the claimed share. At the boundary each of the two
    happens with probability (1 − confidence) / 2 at most.

    Parameters
    ----------
    claim : Claim
    summary : Summary
        Of the runs, under the same claim.
    nulls : mapping of str to Summary
        By name; those that the claim does not name are not asked.

    Raises
    ------
    InputError
        If a null that the claim names is missing.
    """
    missing = [name for name in claim.nulls if name not in nulls]
    if missing:
        raise InputError(
            f"nulls: {', '.join(missing)} of the claim must be given; there are "
            f"{', '.join(sorted(nulls)) or 'none'}"
        )
    share = summary.share_near
    if share.high < claim.share:
        return Verdict(
            "refuted", f"{_found(claim, summary)}, less than the {claim.share:g} claimed"
        )
    if share.low < claim.share:
        return Verdict("undecided", f"{_found(claim, summary)}{_why_open(claim, summary)}")
    for name in claim.nulls:
        null = nulls[name].share_near
        if null.high >= share.low:
            return Verdict(
                "undecided",
                f"{_found(claim, summary)}, at least the {claim.share:g} claimed, but the null "
                f"{name!r} may end there as well: {null}",
            )
    beyond = f", and more than of {' and '.join(map(repr, claim.nulls))}" if claim.nulls else ""
    return Verdict(
        "supported", f"{_found(claim, summary)}, at least the {claim.share:g} claimed{beyond}"
    )


def _found(claim: Claim, summary: Summary) -> str:
    if not summary.n:
        return "no run succeeded"
    n_placed = summary.n - summary.n_unplaced
    more = f" (and {summary.n_unplaced} that could not be placed)" * (summary.n_unplaced > 0)
    return (
        f"of {n_placed} runs{more} a share of {summary.share_near} ends within {claim.near:g} nat of the "
        "greatest log volume"
    )


def _why_open(claim: Claim, summary: Summary) -> str:
    words = f", on both sides of the {claim.share:g} claimed: too few runs"
    if summary.n_open:
        words += (
            f", or too small banks, which leave {summary.n_open} runs open that lie at "
            f"{claim.near:g} nat but for the banks' errors or could not be placed"
        )
    return words
