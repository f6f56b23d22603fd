"""How long `annotate --help` takes beside an interpreter that does nothing; prints JSON.

python -m tests.bench.bench_help
"""

import json
import statistics
import subprocess
import sys
import time

TIMES = 15
BUDGET = 0.5


def main() -> None:
    """Run them in turns and print the figures."""
    took: dict[str, list[float]] = {"help": [], "nothing": []}
    for _ in range(TIMES):
        for name, words in (("help", ["-m", "annotate", "--help"]), ("nothing", ["-c", ""])):
            started = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, capture_output=True)
            took[name].append(time.perf_counter() - started)
    p50 = {name: round(statistics.median(times), 3) for name, times in took.items()}
    print(
        json.dumps(
            {"help_s": p50["help"], "help_s_budget": BUDGET, "nothing_s": p50["nothing"]}, indent=2
        )
    )


if __name__ == "__main__":
    main()
