"""What the cluster's DNS is held to while its pods are replaced, and how that is measured."""

from pydantic import BaseModel

from clusterdns.settings.fields import setting


class Disrupting(BaseModel):
    """What `resilience.*` does and allows."""

    disruption_window: float = setting(
        "seconds that each replaced DNS pod is watched for",
        default=20,
        source="lameduck of 5 s, a new pod's start, and as long again",
        ge=10,
        le=60,
    )
    disruption_rate: float = setting(
        "queries per second along each path meanwhile",
        default=60,
        source="gaps are seen to 17 ms; three names take turns",
        ge=50,
        le=200,
    )
    disruption_nodes: int = setting(
        "nodes whose node cache is replaced, one after the other",
        default=2,
        source="a second one tells chance from habit",
        ge=1,
        le=10,
    )
    disruption_failed_limit: int = setting(
        "calls of getaddrinfo that may fail while a DNS pod is replaced",
        default=0,
        source="an application sees these; its resolver has retried already",
        ge=0,
    )
    disruption_lookup_limit: float = setting(
        "seconds that a call of getaddrinfo may take while a pod behind a Service is replaced",
        default=5,
        source="resolv.conf(5): the default of options timeout; a call this long has lost a query",
        gt=0,
    )
    disruption_gap_limit: float = setting(
        "seconds that a path may be without any answer while a DNS pod is replaced",
        default=5,
        source="resolv.conf(5): the default of options timeout, after which a client asks again",
        gt=0,
    )
    disruption_lost_limit: float = setting(
        "per cent of queries along a path that may fail while a pod behind its Service is replaced",
        default=1,
        source="0.2 s of the window: kube-proxy has taken an endpoint out by then, lameduck serves meanwhile",
        ge=0,
        le=100,
    )
    disruption_p99_limit: float = setting(
        "milliseconds that 99 of 100 answers may take while a DNS pod is replaced",
        default=1000,
        source="a fifth of a client's time-out of 5 s",
        gt=0,
    )
    disruption_lag_limit: float = setting(
        "milliseconds (p99) that queries may be sent late meanwhile, or there is no verdict",
        default=500,
        source="a tenth of the gap limit",
        gt=0,
    )
    disruption_recovery_limit: float = setting(
        "seconds from the first failed query along a path to the last while a DNS pod is replaced",
        default=10,
        source="resolv.conf(5): two attempts of 5 s, after which a lookup fails",
        gt=0,
    )
