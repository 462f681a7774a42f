"""policy.py RENDERED-FOLDER [BINARY]: our own rules, which no schema knows. With a binary, hubbub itself is asked about the settings."""

import re
import sys
from pathlib import Path

import yaml

import manifests
import network_rules
import pod_rules
import rules
import settings


def pod_faults(documents, host_network=False):
    for workload, template in manifests.pods(documents):
        for fault in [*pod_rules.restricted(template, host_network), *pod_rules.beyond(template)]:
            yield f"{workload['kind']} {workload['metadata']['name']}: {fault}"


def namespace_faults(documents):
    namespaces = manifests.kind_of(documents, "Namespace")
    if len(namespaces) != 1:
        yield f"{len(namespaces)} namespaces"
        return
    name, labels = namespaces[0]["metadata"]["name"], namespaces[0]["metadata"].get("labels", {})
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield f"Namespace {name} does not enforce restricted"
    if labels.get("pod-security.kubernetes.io/enforce-version") != f"v{manifests.VERSIONS[0]}":
        yield f"Namespace {name}: enforce-version is not the oldest supported, v{manifests.VERSIONS[0]}"
    for document in documents:
        if document["kind"] != "Namespace" and document["metadata"].get("namespace") != name:
            yield f"{document['kind']} {document['metadata']['name']} is not in {name}"


def cluster_faults(documents):
    """What holds wherever there is a real Kubernetes."""
    yield from pod_faults(documents)
    yield from namespace_faults(documents)
    for rule in (rules.updates, rules.drain, rules.probes, rules.services, rules.watching, rules.migrate, network_rules.faults):
        yield from rule(documents)


def production_faults(documents):
    yield from cluster_faults(documents)
    yield from pod_rules.inline_secrets(documents)
    yield from rules.references(documents, secret_exists=False)
    for _, template in manifests.pods(documents):
        for container in template["spec"]["containers"]:
            if not re.search(r"@sha256:[0-9a-f]{64}$", container["image"]):
                yield f"{container['name']}: the image is not named by digest"
    for kind in ("HorizontalPodAutoscaler", "ServiceMonitor", "PrometheusRule"):
        if not manifests.named(documents, kind, "hubbub"):
            yield f"no {kind}"
    if not rules.settings_of(documents).get("HUBBUB__MEDIA__URL", "").startswith("s3://"):
        yield "images are not in S3"


def dev_faults(documents):
    yield from cluster_faults(documents)
    yield from rules.references(documents, secret_exists=True)
    for document in documents:
        if document["apiVersion"].split("/")[0] == "monitoring.coreos.com" or document["kind"] == "HorizontalPodAutoscaler":
            yield f"{document['kind']} needs more than a bare cluster has"


def podman_faults(documents):
    """One node each, on ports of its own, of the same Deployment; nothing that podman would publish to the world."""
    yield from pod_faults(documents, host_network=True)
    yield from rules.references(documents, secret_exists=False)
    names = sorted(d["metadata"]["name"] for d in manifests.kind_of(documents, "Deployment"))
    if names != ["hubbub-1", "hubbub-2", "hubbub-3"]:
        yield f"the nodes are {names}"
    if {d["kind"] for d in documents} != {"ConfigMap", "Deployment", "PersistentVolumeClaim"}:
        yield "kinds that podman does not know"
    taken = []
    for where, variables in settings.of_overlay(documents):
        if {variables["HUBBUB__HTTP__HOST"], variables["HUBBUB__OPS__HOST"]} != {"127.0.0.1"}:
            yield f"{where} listens on more than the loopback"
        if variables["HUBBUB__CLUSTER__ADDRESS"] != f"127.0.0.1:{variables['PORT']}":
            yield f"{where} tells the others a wrong address"
        taken += [variables["PORT"], variables["OPS_PORT"]]
    if len(set(taken)) != len(taken):
        yield "two nodes want the same port"
    for _, template in manifests.pods(documents):
        for key in ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
            if key in template["spec"]["containers"][0]:
                yield f"podman 4.3 does the wrong thing with {key}"


OVERLAYS = {"dev": dev_faults, "podman": podman_faults, "production": production_faults}


def faults(overlay, documents):
    yield from OVERLAYS[overlay](documents)
    yield from settings.name_faults(documents)


def main():
    folder, binary = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    if sorted(OVERLAYS) != manifests.OVERLAYS:
        sys.exit(f"the overlays are {manifests.OVERLAYS}, and there are rules for {sorted(OVERLAYS)}")
    found = []
    for overlay in OVERLAYS:
        documents = [d for d in yaml.safe_load_all((folder / f"{overlay}.yaml").read_text(encoding="utf-8")) if d]
        found += [f"{overlay}: {fault}" for fault in faults(overlay, documents)]
        if binary:
            found += [f"{overlay}: {fault}" for fault in settings.value_faults(documents, binary)]
    if found:
        sys.exit("\n".join(found))
    print(f"{', '.join(OVERLAYS)}: within the rules" + (", and hubbub takes their settings" if binary else ""))


if __name__ == "__main__":
    main()
