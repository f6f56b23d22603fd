"""How figures are put into words."""

import pytest

from annotate.stats import Figure, p_words


@pytest.mark.parametrize(
    ("p", "said"),
    [(None, ""), (0.0, "< 0.001"), (0.000999, "< 0.001"), (0.001, "0.001"), (0.0124, "0.012"),
     (1.0, "1.000")],
)  # fmt: skip
def test_no_p_is_zero(p: float | None, said: str) -> None:
    assert p_words(p) == said


def test_what_is_rounded_to_nothing_has_no_sign() -> None:
    figure = Figure(-0.004, -0.1, 0.004, 12)
    assert figure.words() == "0.00 [-0.10, 0.00]"
    assert figure.words("{:+z.2f}") == "+0.00 [-0.10, +0.00]"
    assert Figure(-0.004, None, None, 12).words() == "0.00"
    assert Figure.undefined("too few", 3).words() == "too few"
