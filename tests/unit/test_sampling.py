"""The sample: who is drawn, how many of each stratum, and with what probability."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.sampling import METHODS, Drawn, Item, allocate, draw, order

keys = st.lists(st.text(min_size=1, max_size=12), unique=True, min_size=1, max_size=40)
sizes = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 500), min_size=1, max_size=8
)
spreads = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0.01, 3))


def population(sizes: dict[str, int]) -> list[Item]:
    return [Item(f"{s}-{i}", s) for s, size in sizes.items() for i in range(size)]


def test_the_order_is_the_md5_of_seed_and_key_as_any_query_engine_computes_it() -> None:
    """Vectors from `printf %s 2026-q4:a1 | md5sum`; in SQL: ORDER BY md5('2026-q4:' || key)."""
    assert {key: order(key, "2026-q4") for key in ("a1", "a2", "é")} == {
        "a1": "241056c0c3c50728eb74220b8e8b85f4",
        "a2": "cce6f4e80b7ec8193d464d5d6aa45690",
        "é": "e7142929b6a25df25558c744139ee17a",
    }


@given(keys, st.text(max_size=6), st.integers(0, 40), st.randoms())
def test_the_same_seed_and_keys_give_the_same_sample_whatever_their_order(
    keys: list[str], seed: str, n: int, chance: random.Random
) -> None:
    n = min(n, len(keys))
    shuffled = list(keys)
    chance.shuffle(shuffled)
    assert draw([Item(key, "all") for key in keys], {"all": n}, seed) == draw(
        [Item(key, "all") for key in shuffled], {"all": n}, seed
    )


@given(keys, st.text(max_size=6), st.data())
def test_a_larger_sample_of_a_stratum_contains_the_smaller(
    keys: list[str], seed: str, data: st.DataObject
) -> None:
    smaller = data.draw(st.integers(0, len(keys)))
    larger = data.draw(st.integers(smaller, len(keys)))
    items = [Item(key, "all") for key in keys]
    few = [d.key for d in draw(items, {"all": smaller}, seed)]
    assert [d.key for d in draw(items, {"all": larger}, seed)][:smaller] == few


def test_an_output_that_arrives_later_displaces_at_most_itself() -> None:
    items = [Item(f"o{i}", "all") for i in range(50)]
    before = {d.key for d in draw(items, {"all": 10}, "s")}
    after = {d.key for d in draw([*items, Item("new", "all")], {"all": 10}, "s")}
    assert len(before - after) <= 1


def test_another_seed_draws_another_sample() -> None:
    items = [Item(f"o{i}", "all") for i in range(200)]
    one, other = (draw(items, {"all": 20}, seed) for seed in ("1", "2"))
    assert {d.key for d in one} != {d.key for d in other}


def test_every_output_is_drawn_equally_often_over_many_seeds() -> None:
    items = [Item(f"o{i}", "all") for i in range(10)]
    hits = dict.fromkeys((item.key for item in items), 0)
    for seed in range(4000):
        for drawn in draw(items, {"all": 3}, str(seed)):
            hits[drawn.key] += 1
    # 4000 draws of probability 0.3: standard deviation 29.
    assert all(abs(count - 1200) < 5 * 29 for count in hits.values())


def test_the_inclusion_probability_is_the_drawn_share_of_the_stratum() -> None:
    items = population({"billing": 40, "refunds": 8})
    drawn = draw(items, {"billing": 10, "refunds": 8}, "1")
    assert {(d.stratum, d.inclusion_probability) for d in drawn} == {
        ("billing", 0.25),
        ("refunds", 1.0),
    }
    assert sum(1 / d.inclusion_probability for d in drawn) == len(items)


def test_a_sample_is_ordered_by_stratum_and_then_by_hash() -> None:
    drawn = draw(population({"b": 9, "a": 9}), {"b": 3, "a": 3}, "1")
    assert drawn == sorted(drawn, key=lambda d: (d.stratum, order(d.key, "1")))
    assert all(isinstance(d, Drawn) for d in drawn)


@given(sizes, st.integers(0, 3000), st.sampled_from(METHODS), st.integers(0, 5), spreads)
def test_an_allocation_sums_to_n_and_never_exceeds_a_stratum(
    sizes: dict[str, int], n: int, method: str, minimum: int, spreads: dict[str, float]
) -> None:
    given_ = allocate(sizes, n, method, spreads=spreads or {"a": 1.0}, minimum=minimum)
    assert given_.keys() == sizes.keys()
    assert sum(given_.values()) == min(n, sum(sizes.values()))
    assert all(0 <= given_[s] <= sizes[s] for s in sizes)


@given(sizes, st.integers(0, 3000), st.sampled_from(METHODS))
def test_an_allocation_gives_every_stratum_its_minimum_where_n_suffices(
    sizes: dict[str, int], n: int, method: str
) -> None:
    given_ = allocate(sizes, n, method, spreads={"a": 1.0}, minimum=2)
    if n >= 2 * len(sizes):
        assert all(given_[s] >= min(2, sizes[s]) for s in sizes)


@given(sizes, st.integers(0, 3000))
def test_proportional_parts_are_within_one_of_their_exact_share(
    sizes: dict[str, int], n: int
) -> None:
    given_ = allocate(sizes, n, "proportional", minimum=0)
    total = sum(sizes.values())
    for stratum, size in sizes.items():
        assert abs(given_[stratum] - min(n, total) * size / max(total, 1)) < 1


def test_remainders_go_to_the_largest_first() -> None:
    """Exact shares of 10 by 47, 16, 37: 4.7, 1.6, 3.7; floors leave two for a and c."""
    assert allocate({"a": 47, "b": 16, "c": 37}, 10, "proportional", minimum=0) == {
        "a": 5,
        "b": 1,
        "c": 4,
    }


def test_equal_remainders_go_by_name_whatever_order_the_strata_come_in() -> None:
    assert allocate({"b": 1, "c": 1, "a": 1}, 2, "proportional", minimum=0) == {
        "a": 1,
        "b": 1,
        "c": 0,
    }


def test_equal_allocation_gives_what_a_small_stratum_lacks_to_the_others() -> None:
    assert allocate({"small": 3, "b": 100, "c": 100}, 43, "equal") == {"small": 3, "b": 20, "c": 20}


def test_neyman_allocation_follows_size_times_spread() -> None:
    """Cochran, Sampling Techniques (1977), section 5.5: n_h = n N_h S_h / sum(N_h S_h)."""
    given_ = allocate({"a": 100, "b": 300}, 50, "neyman", spreads={"a": 1.5, "b": 0.5})
    assert given_ == {"a": 25, "b": 25}


def test_neyman_does_not_switch_off_a_stratum_that_was_unanimous_in_a_small_pilot() -> None:
    given_ = allocate({"a": 100, "b": 100}, 50, "neyman", spreads={"a": 1.0, "b": 0.0})
    assert given_ == {"a": 40, "b": 10}


def test_neyman_takes_a_stratum_without_past_ratings_as_an_average_one() -> None:
    given_ = allocate({"a": 100, "b": 100, "new": 100}, 60, "neyman", spreads={"a": 1.0, "b": 3.0})
    assert given_ == {"a": 10, "b": 30, "new": 20}


def test_neyman_without_any_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="spread of past ratings"):
        allocate({"a": 10}, 5, "neyman", spreads={"a": 0.0})


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of proportional, equal, neyman"):
        allocate({"a": 10}, 5, "random")


def test_asking_a_stratum_for_more_than_it_has_is_refused() -> None:
    with pytest.raises(ValueError, match="has 2 outputs, 3 are wanted"):
        draw(population({"a": 2}), {"a": 3}, "1")


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        draw([Item("x", "a"), Item("x", "b")], {"a": 1}, "1")
