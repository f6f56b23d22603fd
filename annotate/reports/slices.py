"""Per criterion, pooled first and then segment by segment: the order of every report."""

from collections.abc import Iterator

import pandas as pd

Slice = tuple[str | None, pd.DataFrame]


def slices(ratings: pd.DataFrame, by_segment: bool) -> Iterator[Slice]:
    """(None, everything), then (segment, its ratings) in the order of their names."""
    yield None, ratings
    if by_segment:
        for segment, found in ratings.groupby("segment", sort=True):
            yield str(segment), found
