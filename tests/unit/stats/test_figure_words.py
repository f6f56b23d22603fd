"""How figures are put into words."""

import pytest

from annotate.stats import p_words


@pytest.mark.parametrize(
    ("p", "said"),
    [(None, ""), (0.0, "< 0.001"), (0.000999, "< 0.001"), (0.001, "0.001"), (0.0124, "0.012"),
     (1.0, "1.000")],
)  # fmt: skip
def test_no_p_is_zero(p: float | None, said: str) -> None:
    assert p_words(p) == said
