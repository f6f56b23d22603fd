"""Outputs, ratings and a judge made by rule, so that a test knows what must come out."""

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SEGMENTS = ("billing", "refunds", "reports")
RATERS = ("Ada", "Ben", "Cleo")
JUDGE = "judge-v1"


def outputs(start: int, count: int) -> list[dict[str, Any]]:
    """Outputs whose quality is in their text, 1 to 5, segments in turn."""
    return [
        {
            "id": f"out-{n:03}",
            "case": f"case-{n:03}",
            "configuration": "assistant-2",
            "segment": SEGMENTS[n % 3],
            "input": f"Question {n}?",
            "response": f"Answer {n} of quality {quality(f'out-{n:03}')}.",
            "contexts": [f"Passage {n}."],
            "latency_ms": 100.0 + n,
            "thumb": -1 if n % 7 == 0 else 0,
        }
        for n in range(start, start + count)
    ]


def quality(key: str) -> int:
    """The true quality of an output, 1 to 5."""
    return random.Random(key).choices((1, 2, 3, 4, 5), (1, 2, 3, 5, 4))[0]


def write_outputs(folder: Path) -> list[Path]:
    """120 outputs in three files: JSON Lines, CSV and Parquet."""
    lines = folder / "outputs.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in outputs(0, 40)))
    table = folder / "more.csv"
    with table.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(outputs(0, 1)[0]))
        writer.writeheader()
        for row in outputs(40, 40):
            writer.writerow({**row, "contexts": json.dumps(row["contexts"])})
    columns = folder / "archive.parquet"
    pq.write_table(pa.Table.from_pylist(outputs(80, 40)), columns)
    return [lines, table, columns]


def human_value(rater: str, key: str, criterion: str, occasion: str) -> int:
    """A rater's score: the truth, now and then a point off."""
    chance = random.Random(f"{rater}{key}{criterion}{occasion}").random()
    shift = -1 if chance < 0.15 else 1 if chance > 0.85 else 0
    return min(5, max(1, quality(key) + shift))


def judge_value(key: str, criterion: str, run: int, shift: float) -> float:
    """The judge's score: the truth with noise, and a shift where it has drifted."""
    noise = random.Random(f"judge{key}{criterion}{run}").gauss(0, 0.3)
    return round(min(5.0, max(1.0, quality(key) + noise + shift)), 3)


SCORED = ("faithfulness", "relevance", "completeness")


def write_ratings(path: Path, rater: str, keys: list[str], occasion: str) -> Path:
    """One rater's file for a round; a rationale wherever a score is low."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["output_id", "rater", "criterion", "value", "rationale"])
        for key in keys:
            for criterion in SCORED:
                value = human_value(rater, key, criterion, occasion)
                writer.writerow([key, rater, criterion, value, "too weak" if value < 3 else ""])
    return path


def write_judge(path: Path, keys: list[str], shift_in: dict[str, float]) -> Path:
    """The judge's file for a round, three runs; `shift_in` is its drift by segment."""
    with path.open("w") as handle:
        for key in keys:
            segment = SEGMENTS[int(key.removeprefix("out-")) % 3]
            for criterion in SCORED:
                for run in (1, 2, 3):
                    value = judge_value(key, criterion, run, shift_in.get(segment, 0.0))
                    row = {
                        "output_id": key,
                        "rater": JUDGE,
                        "criterion": criterion,
                        "value": value,
                        "run": run,
                    }
                    handle.write(json.dumps(row) + "\n")
    return path
