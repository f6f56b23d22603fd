"""What texts share, and in which words they differ."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.reading import difference, shared

WORDS = st.lists(
    st.sampled_from(["refunds", "take", "five", "working", "days", "plans", "renew", "and", "end"])
)


def words(text: str, passages: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in passages]


def test_runs_of_three_words_are_shared_in_any_case() -> None:
    response = "Sure! REFUNDS take five days, as a rule."
    contexts = ["Our refunds take five days.", "Take five. As a rule of thumb.", ""]
    said, read = shared(response, contexts)
    assert words(response, said) == ["REFUNDS take five days", "as a rule"]
    assert [words(c, p) for c, p in zip(contexts, read, strict=True)] == [
        ["refunds take five days"], ["As a rule"], [],
    ]  # fmt: skip


def test_two_words_in_a_row_are_chance() -> None:
    assert shared("take five days", ["take five. Days"]) == ([(0, 14)], [[(0, 15)]])
    assert shared("take five", ["take five"]) == ([], [[]])


def test_a_difference_is_word_by_word() -> None:
    first, second = "It takes five days.", "It takes about two days!"
    only_first, only_second = difference(first, second)
    assert words(first, only_first) == ["five"]
    assert words(second, only_second) == ["about two"]
    assert difference("Plans renew", "plans renew") == ([(0, 5)], [(0, 5)])


def looping(n: int) -> str:
    return " ".join(f"w{i % 101}" for i in range(n))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a b " * 1450, "b a c " * 960),
        (looping(2_900), " ".join(reversed(looping(2_900).split()))),
        ("x y z " * 30_000, "y x z " * 30_000),
        ("the end " * 1450 + "stop", "begin " + "the end " * 1449),
    ],
)
def test_texts_that_go_round_in_circles_are_compared_in_a_moment(first: str, second: str) -> None:
    """Without a bound the first of them takes minutes."""
    begun = time.perf_counter()
    only_first, only_second = difference(first, second)
    assert time.perf_counter() - begun < 15
    assert only_first or only_second


def test_one_word_in_a_text_that_goes_round_in_circles_is_still_found() -> None:
    first = "again and again " * 5_000
    second = first.replace("again", "once", 7_001).replace("once", "again", 7_000)
    assert [words(t, p) for t, p in zip((first, second), difference(first, second), strict=True)] == [
        ["again"], ["once"],
    ]  # fmt: skip


def test_letters_beyond_the_first_plane_and_accents_keep_their_place() -> None:
    response = "😀 naïve users ask for größere Pläne"
    said, _ = shared(response, ["users ask for größere Pläne"])
    assert words(response, said) == ["users ask for größere Pläne"]


@given(WORDS, WORDS)
def test_what_is_left_of_both_is_the_same(a: list[str], b: list[str]) -> None:
    first, second = " ".join(a), " ".join(b)
    only_first, only_second = difference(first, second)

    def rest(text: str, gone: list[tuple[int, int]]) -> list[str]:
        for start, end in reversed(gone):
            text = text[:start] + text[end:]
        return text.split()

    assert rest(first, only_first) == rest(second, only_second)


@given(WORDS, WORDS)
def test_passages_are_in_order_within_the_text_and_apart(a: list[str], b: list[str]) -> None:
    response, context = " ".join(a), " ".join(b)
    said, (read,) = shared(response, [context])
    for text, passages in ((response, said), (context, read)):
        ends = [0]
        for start, end in passages:
            assert ends[-1] <= start < end <= len(text)
            assert len(text[start:end].split()) >= 3
            ends.append(end)
    assert bool(said) == bool(read)
