"""Words that several kinds share. CamelCase, and none of them is a YAML 1.1 boolean."""

from enum import StrEnum


class CapacityClass(StrEnum):
    """What kind of machine work ran on."""

    OnPrem = "OnPrem"
    Reserved = "Reserved"
    OnDemand = "OnDemand"
    Spot = "Spot"
    Unknown = "Unknown"


class PlacementClass(StrEnum):
    """The capacity classes that a person can ask for."""

    OnPrem = "OnPrem"
    Reserved = "Reserved"
    OnDemand = "OnDemand"
    Spot = "Spot"


class PolicyKind(StrEnum):
    """Kinds of policy that can be named."""

    CostPolicy = "CostPolicy"
    ClusterCostPolicy = "ClusterCostPolicy"


class WorkloadKind(StrEnum):
    """Every supported kind of workload."""

    TrainingJob = "TrainingJob"
    InferenceServer = "InferenceServer"
    Job = "Job"
    CronJob = "CronJob"
    JobSet = "JobSet"
    TrainJob = "TrainJob"
    PyTorchJob = "PyTorchJob"
    MPIJob = "MPIJob"
    TFJob = "TFJob"
    XGBoostJob = "XGBoostJob"
    PaddleJob = "PaddleJob"
    JAXJob = "JAXJob"
    RayJob = "RayJob"
    RayCluster = "RayCluster"
    Workflow = "Workflow"
    VolcanoJob = "VolcanoJob"
    Deployment = "Deployment"
    StatefulSet = "StatefulSet"
    LeaderWorkerSet = "LeaderWorkerSet"
    InferenceService = "InferenceService"
    ScaledObject = "ScaledObject"
    Notebook = "Notebook"
    Workspace = "Workspace"
    Pod = "Pod"


class Permission(StrEnum):
    """Whether something may be done."""

    Allowed = "Allowed"
    Denied = "Denied"


class VerdictValue(StrEnum):
    """What the devices of a gang show, taken together."""

    Active = "Active"
    Idle = "Idle"
    NeverUsed = "NeverUsed"
    Stalled = "Stalled"
    Starting = "Starting"
    Failing = "Failing"
    Unknown = "Unknown"
    NotApplicable = "NotApplicable"


class ActionName(StrEnum):
    """What Ebbtide can do to a workload."""

    Create = "Create"
    Hold = "Hold"
    Start = "Start"
    Warn = "Warn"
    Pause = "Pause"
    Resume = "Resume"
    Move = "Move"
    Resize = "Resize"
    Rollback = "Rollback"
    Scale = "Scale"
    Notify = "Notify"


class Initiator(StrEnum):
    """Who wanted a pause."""

    Policy = "Policy"
    User = "User"
    Budget = "Budget"


class CheckResult(StrEnum):
    """How one check of the chain ended."""

    Pass = "Pass"  # noqa: S105  # a result, not a password
    Stop = "Stop"
    Skip = "Skip"
