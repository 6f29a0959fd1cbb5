"""Which cluster, which checks, and what they may do to it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from clusterdns.model.profiles import Profile
from clusterdns.settings.fields import Names, setting


class Choice(BaseModel):
    """What a run is asked to do."""

    cluster: Literal["lab", "kind", "kubeconfig"] | None = setting(
        "which cluster to test: an embedded lab, a kind cluster, or one that a kubeconfig names",
        source="none: the user chooses",
    )
    kubeconfig: Path | None = setting(
        "kubeconfig of the cluster (--cluster kubeconfig); only ever read", source="none: the user chooses"
    )
    kube_context: str | None = setting(
        "context in that kubeconfig; never guessed", source="none: the user chooses"
    )
    lab_name: str = setting("name of the lab to boot or reuse", default="lab", source="the lab's own default")
    lab_topology: str | None = setting(
        "topology of the lab or kind cluster: a folder of lab/topologies",
        source="a lab's is gke-kubedns, the longest search list; kind's is coredns, as kind comes",
    )
    nodes: int = setting(
        "nodes of a lab or kind cluster that is made, kind's control plane among them",
        default=2,
        source="the fewest that can differ",
        ge=1,
        le=16,
    )
    kind_image: str | None = setting(
        "node image of a kind cluster",
        source="kind's own where it can be pulled, else one made here",
    )
    kind_name: str | None = setting(
        "name of the kind cluster to create, or with --keep to reuse",
        source="one of the run's own; with --keep one of the topology's",
    )
    kind_port: int = setting(
        "port of a kind cluster's API server on 127.0.0.1", default=0, source="0: a free one", ge=0, le=65535
    )
    dual_stack: bool = setting(
        "IPv6 besides IPv4 in a lab or kind cluster that is made", default=False, source="the most usual"
    )
    lab_with: Names = setting(
        "add-ons of the lab: prometheus, operator, envoy", default=(), source="the cluster's DNS alone"
    )
    keep: bool = setting(
        "leave a lab or kind cluster that this run made running; reuse a kind cluster that was kept",
        default=False,
        source="leave nothing behind",
    )

    profile: Profile = setting(
        "which checks run: audit (read-only), core (and audit), or slow, load, disruptive (each and core), "
        "or soak (and audit)",
        default=Profile.CORE,
        source="the most that is safe on any cluster",
    )
    check: Names = setting(
        "run only these ids or areas, e.g. resolver,topology.identify", default=(), source="all"
    )
    require: Names = setting(
        "ids or areas that fail the run when they are skipped", default=(), source="none"
    )
    strict: bool = setting("a warning fails the run", default=False, source="warnings are legitimate choices")
    allow_load: bool = setting(
        "let --profile load send load to a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )
    allow_disruption: bool = setting(
        "let --profile disruptive restart DNS pods of a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )
    allow_debug_containers: bool = setting(
        "let checks put debug containers, which stay, into DNS pods of a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )
