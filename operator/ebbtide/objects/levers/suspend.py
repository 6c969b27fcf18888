"""The two switches that most kinds share: spec.suspend and spec.replicas."""

from collections.abc import Mapping
from typing import Final

SUSPEND: Final = "/spec/suspend"
REPLICAS: Final = "/spec/replicas"
RUN_POLICY: Final = "/spec/runPolicy/suspend"

SUSPENDED: Final[Mapping[str, object]] = {SUSPEND: True}
UNSUSPENDED: Final[Mapping[str, object]] = {SUSPEND: False}
AT_ZERO: Final[Mapping[str, object]] = {REPLICAS: 0}
