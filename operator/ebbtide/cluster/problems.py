"""Why something cannot be read, and what to do about it, in one sentence."""

from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import OWN, Resource


def reading_problem(resource: Resource, error: ApiError) -> str:
    """The sentence for a failed list or watch."""
    name = resource.full_name
    if error.status == 404 and resource in OWN:
        return f"the CRD {name} is not installed: install the chart with crds.enabled=true, or `kubectl apply -f crds/`"
    if error.status == 404:
        return f"the API server does not serve {name}: {error.message}"
    if error.status == 403:
        return f"not allowed to list and watch {name}: apply the chart's ClusterRole again ({error.message})"
    if error.status == 401:
        return f"the API server does not accept these credentials: {error.message}"
    return f"cannot read {name}: {error.message}"
