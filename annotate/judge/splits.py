"""Which part of the rated cases a judge may learn from, be tuned on, and be tested on.

By a hash of the case, so that related outputs stay together, and the same on every machine.
"""

import hashlib
from typing import Literal

Split = Literal["shot", "dev", "test"]
SHARES: tuple[tuple[Split, float], ...] = (("shot", 0.15), ("dev", 0.45), ("test", 0.40))


def split_of(case: str) -> Split:
    """The split of a case: `shot` 15 %, `dev` 45 %, `test` 40 %."""
    number = int.from_bytes(hashlib.sha256(f"split:{case}".encode()).digest()[:8], "big") / 2**64
    up_to = 0.0
    for name, share in SHARES:
        up_to += share
        if number < up_to:
            return name
    return SHARES[-1][0]
