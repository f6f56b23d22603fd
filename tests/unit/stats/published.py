"""Published values and real ratings that the statistics must reproduce."""

import csv
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from annotate.stats.figure import Floats

HANNA = Path(__file__).parents[2] / "data" / "hanna"
REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference.json").read_text())
CROWDKIT: dict[str, Any] = json.loads((Path(__file__).parent / "crowdkit.json").read_text())
PPI: dict[str, Any] = json.loads((Path(__file__).parent / "ppi.json").read_text())
IRRCAC: dict[str, Any] = json.loads((Path(__file__).parent / "irrcac.json").read_text())["tables"]


def units(raters_by_units: list[list[float | None]]) -> Floats:
    """A published table, raters x units, as units x raters."""
    return np.array(raters_by_units, dtype=np.float64).T


def scale_of(values: Floats) -> tuple[float, ...]:
    """The values that occur, ascending."""
    return tuple(np.unique(values[~np.isnan(values)]).tolist())


@cache
def hanna_figures() -> dict[str, Any]:
    """The recorded figures."""
    figures: dict[str, Any] = json.loads((HANNA / "figures.json").read_text())
    return figures


@cache
def hanna_outputs() -> dict[str, str]:
    """Output id -> segment, in the file's order."""
    rows = map(json.loads, (HANNA / "outputs.jsonl").read_text().splitlines())
    return {row["id"]: row["segment"] for row in rows}


@cache
def hanna(kind: str) -> dict[tuple[str, str], Floats]:
    """(rater, criterion) -> the value of every output, NaN where there is none."""
    place = {key: i for i, key in enumerate(hanna_outputs())}
    found: dict[tuple[str, str], Floats] = {}
    with gzip.open(HANNA / f"ratings_{kind}.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            key = row["rater"], row["criterion"]
            found.setdefault(key, np.full(len(place), np.nan))
            found[key][place[row["output_id"]]] = float(row["value"])
    return found


def hanna_people(criterion: str, segment: str | None) -> Floats:
    """(units of the segment, 3 raters)."""
    slots = [hanna("human")[f"slot{i}", criterion] for i in (1, 2, 3)]
    return np.column_stack(slots)[_within(segment)]


def hanna_judge(judge: str, criterion: str, segment: str | None) -> Floats:
    """(units of the segment,)."""
    return hanna("judge")[judge, criterion][_within(segment)]


def _within(segment: str | None) -> list[int]:
    return [i for i, s in enumerate(hanna_outputs().values()) if segment in (None, s)]
