"""How much power a board may draw and still count as idle: the only absolute numbers about devices in the program.

A device that holds a CUDA context leaves its deepest sleep state without doing any work: measured +26 to +50 W over
the bare board on H100 and A100 and +66 W on L40S, independent of the memory held (arXiv:2605.23918); a Tesla T4 at
0 % utilisation shows 29 W while held and 17 W while free (dcgm-exporter capture). So the ceiling is: bare idle, plus
a context, plus a quarter. It lies below half of every board limit, where real work runs.
"""

from functools import lru_cache
from typing import NamedTuple


class IdleWatts(NamedTuple):
    """Power above `ceiling` watts speaks against idleness; power below speaks for it only where the board is known."""

    ceiling: float
    known: bool


TABLE: tuple[tuple[str, float], ...] = (
    # part of modelName, ceiling in W    board limit by the vendor's data sheet
    ("T4", 35),  # 70 W
    ("L40S", 130),  # 350 W
    ("L40", 120),  # 300 W
    ("L4", 40),  # 72 W
    ("A100", 125),  # 250 to 400 W
    ("A10G", 75),  # 300 W shared by the variants of the cloud; idles as A10
    ("A10", 75),  # 150 W
    ("A30", 65),  # 165 W
    ("A40", 110),  # 300 W
    ("V100", 90),  # 250 to 300 W
    ("H100", 150),  # 350 to 700 W
    ("H200", 165),  # 600 to 700 W
    ("B200", 250),  # 1000 W
)
"""Longer names come before their beginnings; names are compared word by word ("NVIDIA A100-SXM4-80GB")."""

UNKNOWN = IdleWatts(ceiling=300.0, known=False)
"""Above every ceiling of the table: no board of any model idles there, so even an unknown one speaks against it."""


@lru_cache(maxsize=256)
def idle_watts(model: str) -> IdleWatts:
    """The ceiling for a modelName label."""
    words = model.upper().replace("-", " ").replace("_", " ").split()
    for name, ceiling in TABLE:
        if name in words:
            return IdleWatts(ceiling, known=True)
    return UNKNOWN
