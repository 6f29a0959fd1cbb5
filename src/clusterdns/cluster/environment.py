"""A container's environment, as the kubelet makes it of values, ConfigMaps, Services and what nobody sees.

Source: kubernetes.io/docs/concepts/services-networking/service/#environment-variables; kubelet_pods.go,
makeEnvironmentVariables; third_party/forked/golang/expansion.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from clusterdns.cluster.api import Object
from clusterdns.cluster.objects import items, labels, mapping, name_of, part, text

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


class Environment(Mapping[str, str | None]):
    """Variable -> its value, None where the value is not known."""

    def __init__(self, values: Mapping[str, str | None], *, open_ended: bool) -> None:
        """Take what is known.

        Args:
            values: By name.
            open_ended: Whether any other name may be there, too: a Secret's content is not read.
        """
        self._values = values
        self._open_ended = open_ended

    def __getitem__(self, name: str) -> str | None:
        return self._values.get(name) if self._open_ended else self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def environment(
    spec: Object,
    container: Object,
    namespace: str,
    configmaps: Mapping[str, Object],
    services: Iterable[Object],
) -> Environment:
    """Return the environment of a container.

    Args:
        spec: Of the pod.
        container: Of that pod.
        namespace: Of the pod.
        configmaps: Name -> ConfigMap, of that namespace.
        services: Of that namespace.
    """
    values: dict[str, str | None] = {}
    open_ended = False
    if part(spec, "enableServiceLinks") is not False:
        for service in services:
            values |= service_variables(service)
    for source in items(container, "envFrom"):
        prefix = text(source, "prefix")
        name = text(source, "configMapRef", "name")
        if name:
            data = labels(configmaps.get(name, {}), "data")
            values |= {f"{prefix}{key}": value for key, value in data.items()}
        else:
            open_ended = True
    for variable in items(container, "env"):
        name = text(variable, "name")
        if "valueFrom" in variable:
            values[name] = _value_from(mapping(variable, "valueFrom"), namespace, configmaps)
        else:
            values[name] = _expanded(text(variable, "value"), values)
    return Environment(values, open_ended=open_ended)


def service_variables(service: Object) -> dict[str, str]:
    """Return the variables that a Service puts into the pods of its namespace; none of a headless one."""
    address = text(service, "spec", "clusterIP")
    if address in ("", "None"):
        return {}
    name = name_of(service).upper().replace("-", "_")
    found = {f"{name}_SERVICE_HOST": address}
    for index, port in enumerate(items(service, "spec", "ports")):
        number, protocol = text(port, "port"), text(port, "protocol") or "TCP"
        if index == 0:
            found[f"{name}_SERVICE_PORT"] = number
        if text(port, "name"):
            found[f"{name}_SERVICE_PORT_{text(port, 'name').upper().replace('-', '_')}"] = number
        link = f"{name}_PORT_{number}_{protocol}"
        found |= {f"{link}_ADDR": address, f"{link}_PORT": number, f"{link}_PROTO": protocol.lower()}
    return found


def _value_from(source: Object, namespace: str, configmaps: Mapping[str, Object]) -> str | None:
    if text(source, "fieldRef", "fieldPath") == "metadata.namespace":
        return namespace
    reference = mapping(source, "configMapKeyRef")
    data = labels(configmaps.get(text(reference, "name"), {}), "data")
    return data.get(text(reference, "key"), "" if part(reference, "optional") is True else None)


def _expanded(value: str, before: Mapping[str, str | None]) -> str | None:
    """Return a value with $(NAME) replaced by what stands before it; what is not there stays as written."""
    parts: list[str | None] = []
    end = 0
    for found in _REFERENCE.finditer(value):
        parts.append(value[end : found.start()])
        parts.append("$" if found[1] is None else before.get(found[1], found[0]))
        end = found.end()
    return _joined([*parts, value[end:]])


def _joined(parts: Sequence[str | None]) -> str | None:
    return None if None in parts else "".join(part for part in parts if part is not None)
