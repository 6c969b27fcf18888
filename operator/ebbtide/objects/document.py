"""Shapes in which objects come and go."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = bytes | msgspec.Raw
"""One object as the API server sent it."""
Document: TypeAlias = Mapping[str, Any]
"""One object, parsed."""
