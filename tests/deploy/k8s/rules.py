"""Rules for hubbub in a cluster: how it is updated, found, probed, reached and watched. Each function yields faults."""

import re

import manifests
from manifests import kind_of, labels_match, named, seconds

# Beyond the drain's own times: to close pools and write the last log lines before SIGKILL.
TO_CLOSE = 10
OPS_PATHS = {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}


def node(documents):
    return named(documents, "Deployment", "hubbub")


def node_container(documents):
    return node(documents)["spec"]["template"]["spec"]["containers"][0]


def settings_of(documents):
    return next(c["data"] for c in kind_of(documents, "ConfigMap") if re.fullmatch(r"hubbub(-[a-z0-9]{10})?", c["metadata"]["name"]))


def updates(documents):
    deployment = node(documents)
    spec = deployment["spec"]
    rolling = spec.get("strategy", {}).get("rollingUpdate", {})
    if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
        yield "an update takes a node away before the new one is there (maxUnavailable 0, maxSurge 1)"
    labels = spec["template"]["metadata"]["labels"]
    if not labels_match(spec["selector"], labels):
        yield "the Deployment does not select its own pods"
    autoscaled = named(documents, "HorizontalPodAutoscaler", "hubbub")
    if autoscaled and "replicas" in spec:
        yield "replicas beside an HPA: each apply would take its nodes away"
    if autoscaled:
        down = autoscaled["spec"].get("behavior", {}).get("scaleDown", {})
        slow = down.get("policies") and all(p["type"] == "Pods" and p["value"] <= 1 and p["periodSeconds"] >= 300 for p in down["policies"])
        if not slow or down.get("stabilizationWindowSeconds", 0) < 600:
            yield "the HPA scales down faster than a pod in 5 minutes"
    if not autoscaled and spec.get("replicas", 1) < 2:
        yield "one node alone: each update cuts everybody off"
    budgets = [b for b in kind_of(documents, "PodDisruptionBudget") if labels_match(b["spec"]["selector"], labels)]
    if len(budgets) != 1 or budgets[0]["spec"].get("maxUnavailable") != 1:
        yield "no PodDisruptionBudget of one node at a time"
    elif budgets[0]["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield "broken nodes keep machines from being emptied (unhealthyPodEvictionPolicy)"
    for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname"):
        spread = [s for s in spec["template"]["spec"].get("topologySpreadConstraints", []) if s["topologyKey"] == key]
        if not spread or not labels_match(spread[0].get("labelSelector"), labels) or spread[0].get("matchLabelKeys") != ["pod-template-hash"]:
            yield f"nodes are not spread over {key}, each version by itself"


def drain(documents):
    """The arithmetic of docs/kubernetes.md."""
    spec, container, settings = node(documents)["spec"], node_container(documents), settings_of(documents)
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds")
    if not before:
        yield "no preStop sleep: SIGTERM comes before the load balancer has heard of it"
    wave = (before or 0) + sum(seconds(settings[f"HUBBUB__DRAIN__{part}"]) for part in ("NOTICE", "SPREAD"))
    whole = wave + seconds(settings["HUBBUB__DRAIN__FINISH"]) + TO_CLOSE
    grace = spec["template"]["spec"].get("terminationGracePeriodSeconds", 30)
    if grace < whole:
        yield f"terminationGracePeriodSeconds {grace} is below preStop + notice + spread + finish + {TO_CLOSE} = {whole:g}"
    if spec.get("minReadySeconds", 0) < wave:
        yield f"minReadySeconds {spec.get('minReadySeconds', 0)} is below preStop + notice + spread = {wave:g}"


def probes(documents):
    container = node_container(documents)
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    if ports != {"http": 3000, "ops": 9464}:
        yield f"ports are {ports}"
    for probe, path in OPS_PATHS.items():
        asked = container.get(probe, {}).get("httpGet", {})
        if asked.get("port") != "ops":
            yield f"{probe} does not ask the ops port"
        if asked.get("path") != path:
            yield f"{probe} does not ask {path}"


def services(documents):
    labels = node(documents)["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in node_container(documents)["ports"]}
    for name, wanted in (("hubbub", "http"), ("hubbub-ops", "ops")):
        service = named(documents, "Service", name)
        if not service or not labels_match({"matchLabels": service["spec"]["selector"]}, labels):
            yield f"Service {name} leads to no node"
            continue
        targets = {port["targetPort"] for port in service["spec"]["ports"]}
        if targets != {wanted} or not targets <= ports:
            yield f"Service {name} leads to {targets}, not to {wanted} alone"
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"Service {name} is {service['spec']['type']}"
    ops = named(documents, "Service", "hubbub-ops")
    if ops and (ops["spec"].get("clusterIP") != "None" or not ops["spec"].get("publishNotReadyAddresses")):
        yield "Service hubbub-ops does not name each node, ready or not"
    for other, template in manifests.pods(documents):
        if other["kind"] == "Job" and any(
            labels_match({"matchLabels": s["spec"]["selector"]}, template["metadata"]["labels"]) for s in kind_of(documents, "Service")
        ):
            yield f"a Service leads to Job {other['metadata']['name']}"


def watching(documents):
    monitor, rule = named(documents, "ServiceMonitor", "hubbub"), named(documents, "PrometheusRule", "hubbub")
    if not monitor and not rule:
        return
    ops = named(documents, "Service", "hubbub-ops")["metadata"]["labels"]
    if not monitor or not labels_match(monitor["spec"]["selector"], ops):
        yield "the ServiceMonitor finds no Service"
    elif ops.get(monitor["spec"].get("jobLabel")) != "hubbub":
        yield "the scrape job would not be called hubbub, as the rules expect"
    limit = manifests.mebibytes(node_container(documents)["resources"]["limits"]["memory"])
    records = {r.get("record"): r["expr"] for group in rule["spec"]["groups"] for r in group["rules"]} if rule else {}
    told = re.fullmatch(r"vector\(([\d *]+)\)", str(records.get("hubbub:memory_limit_bytes", "")).strip())
    if told:
        product = 1
        for factor in told.group(1).split("*"):
            product *= int(factor)
        if product != limit * 2**20:
            yield f"hubbub:memory_limit_bytes is {product}, the container's limit {limit * 2**20}"
    elif records:
        yield "the rules do not say hubbub:memory_limit_bytes"


def migrate(documents):
    job = named(documents, "Job", "hubbub-migrate")
    if not job:
        yield "no Job hubbub-migrate"
        return
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    if pod["containers"][0].get("args") != ["migrate"] or pod.get("restartPolicy") not in ("Never", "OnFailure"):
        yield "Job hubbub-migrate does not run hubbub migrate once"
    if not spec.get("backoffLimit") or not spec.get("ttlSecondsAfterFinished") or not spec.get("activeDeadlineSeconds"):
        yield "Job hubbub-migrate never gives up, or never goes away"
    if pod["containers"][0]["image"] != node_container(documents)["image"]:
        yield "Job hubbub-migrate runs another image than the nodes"
    # `kubectl apply -l` with this, as the docs have it for what goes before an update: all that the Job needs must be with it.
    first = [d for d in documents if d["metadata"].get("labels", {}).get("app.kubernetes.io/component") in ("config", "migrate")]
    if job not in first or not named(first, "ServiceAccount", pod["serviceAccountName"]):
        yield "the Job cannot be applied by itself: it or its account has another component"
    labels = spec["template"]["metadata"]["labels"]
    for policy in kind_of(documents, "NetworkPolicy"):
        if labels_match(policy["spec"]["podSelector"], labels) and policy not in first:
            yield f"NetworkPolicy {policy['metadata']['name']} is the Job's, too, and would not be applied with it"


def references(documents, secret_exists):
    """What is named exists."""
    names = {(d["kind"], d["metadata"]["name"]) for d in documents}
    for workload, template in manifests.pods(documents):
        where, spec = f"{workload['kind']} {workload['metadata']['name']}", template["spec"]
        wanted = {("PersistentVolumeClaim", v["persistentVolumeClaim"]["claimName"]) for v in spec.get("volumes", []) if "persistentVolumeClaim" in v}
        if "serviceAccountName" in spec:
            wanted.add(("ServiceAccount", spec["serviceAccountName"]))
        for container in spec["containers"]:
            wanted |= {("ConfigMap", s["configMapRef"]["name"]) for s in container.get("envFrom", []) if "configMapRef" in s}
            for entry in container.get("env", []):
                secret = entry.get("valueFrom", {}).get("secretKeyRef")
                if secret and secret["name"] != "hubbub":
                    yield f"{where}: Secret {secret['name']}, where there is only one, hubbub"
                if secret and secret_exists:
                    wanted.add(("Secret", secret["name"]))
                    held = named(documents, "Secret", secret["name"]) or {}
                    if secret["key"] not in held.get("data", {}) and not secret.get("optional"):
                        yield f"{where}: Secret {secret['name']} has no {secret['key']}"
        for kind, name in sorted(wanted - names):
            yield f"{where}: there is no {kind} {name}"
