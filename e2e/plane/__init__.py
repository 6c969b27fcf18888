"""A real Kubernetes control plane with KWOK nodes on 127.0.0.1, for the demo and the tests."""

from e2e.plane.audit import AuditLog, AuditWrite
from e2e.plane.errors import PlaneError
from e2e.plane.plane import Plane

__all__ = ["AuditLog", "AuditWrite", "Plane", "PlaneError"]
