"""negative.py RENDERED-FOLDER BINARY SCRAPE: breaks copies of the manifests in one way each, and fails if a check doesn't notice."""

import copy
import sys
from pathlib import Path

import yaml

import manifests
import metrics
import policy
import pod_rules
import schemas
import settings
from manifests import named


def node(documents):
    return named(documents, "Deployment", "hubbub(-1)?")


def pod(documents):
    return node(documents)["spec"]["template"]["spec"]


def container(documents):
    return pod(documents)["containers"][0]


def set_env(documents, name, value):
    container(documents)["env"] = [e for e in container(documents)["env"] if e["name"] != name] + [{"name": name, "value": value}]


def config(documents):
    return next(c for c in manifests.kind_of(documents, "ConfigMap") if c["metadata"]["name"].startswith("hubbub"))["data"]


def of(kind, name="hubbub"):
    return lambda documents: named(documents, kind, name)


def policies(documents, change):
    for document in manifests.kind_of(documents, "NetworkPolicy"):
        change(document["spec"])


def without(kind, name="hubbub"):
    def change(documents):
        documents.remove(named(documents, kind, name))

    return change


def rule_says(expression):
    return lambda d: of("PrometheusRule")(d)["spec"]["groups"][0]["rules"].append({"record": "job:new:sum", "expr": expression})


# What is broken; where; how; and what must be said, by the schemas ("schema"), by our rules ("rule") by hubbub ("hubbub") or
# by the look at a scrape ("metric").
CASES = [
    ("replicas are a word", "dev", lambda d: node(d)["spec"].update(replicas="three"), "schema", "is not of type 'integer'"),
    ("a field that does not exist", "dev", lambda d: pod(d).update(terminationGracePeriod=5), "schema", "Additional properties"),
    ("a kind without a schema", "dev", lambda d: d.append({"apiVersion": "apps/v1", "kind": "Deploymint", "metadata": {"name": "x"}}), "schema", "find schema"),
    ("a group without a schema", "dev", lambda d: d.append({"apiVersion": "x.example/v1", "kind": "Thing", "metadata": {"name": "x"}}), "schema", "no schema is known"),
    ("a ServiceMonitor's port is a number", "production", lambda d: of("ServiceMonitor")(d)["spec"]["endpoints"][0].update(port=9464), "schema", "must be string"),
    ("a rule waits for words", "production", lambda d: of("PrometheusRule")(d)["spec"]["groups"][0]["rules"].append({"alert": "X", "expr": "up", "for": "a while"}), "schema", "must match pattern"),
    ("a CPU limit", "production", lambda d: container(d)["resources"]["limits"].update(cpu="1"), "rule", "a CPU limit"),
    ("memory over-committed", "production", lambda d: container(d)["resources"]["limits"].update(memory="3Gi"), "rule", "asked for and limited differ"),
    ("the rules know another limit", "production", lambda d: [container(d)["resources"][k].update(memory="3Gi") for k in ("limits", "requests")], "rule", "hubbub:memory_limit_bytes"),
    ("a writable root", "production", lambda d: container(d)["securityContext"].update(readOnlyRootFilesystem=False), "rule", "readOnlyRootFilesystem"),
    ("root", "production", lambda d: pod(d)["securityContext"].update(runAsUser=0), "rule", "runAsUser"),
    ("maybe root", "production", lambda d: pod(d)["securityContext"].pop("runAsNonRoot"), "rule", "runAsNonRoot"),
    ("no seccomp", "dev", lambda d: pod(d)["securityContext"].pop("seccompProfile"), "rule", "seccompProfile"),
    ("more rights than it starts with", "dev", lambda d: container(d)["securityContext"].update(allowPrivilegeEscalation=True), "rule", "allowPrivilegeEscalation"),
    ("a capability", "dev", lambda d: container(d)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "rule", "capabilities"),
    ("the machine's network", "production", lambda d: pod(d).update(hostNetwork=True), "rule", "hostNetwork"),
    ("the machine's files", "podman", lambda d: pod(d)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "rule", "hostPath"),
    ("a token of Kubernetes", "production", lambda d: pod(d).update(automountServiceAccountToken=True), "rule", "automountServiceAccountToken"),
    ("a probe on the public port", "production", lambda d: container(d)["readinessProbe"]["httpGet"].update(port="http"), "rule", "does not ask the ops port"),
    ("liveness asks readiness", "production", lambda d: container(d)["livenessProbe"]["httpGet"].update(path="/ready"), "rule", "does not ask /live"),
    ("no startup probe", "production", lambda d: container(d).pop("startupProbe"), "rule", "startupProbe"),
    ("a node fewer in updates", "production", lambda d: node(d)["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1), "rule", "maxUnavailable 0"),
    ("too little time to drain", "production", lambda d: config(d).update(HUBBUB__DRAIN__SPREAD="2m"), "rule", "terminationGracePeriodSeconds"),
    ("waves that run together", "production", lambda d: node(d)["spec"].update(minReadySeconds=5), "rule", "minReadySeconds"),
    ("no preStop", "production", lambda d: container(d).pop("lifecycle"), "rule", "preStop"),
    ("no spread over zones", "production", lambda d: pod(d)["topologySpreadConstraints"].pop(0), "rule", "not spread over topology.kubernetes.io/zone"),
    ("no budget", "production", without("PodDisruptionBudget"), "rule", "PodDisruptionBudget"),
    ("replicas beside the HPA", "production", lambda d: node(d)["spec"].update(replicas=3), "rule", "beside an HPA"),
    ("a hasty HPA", "production", lambda d: of("HorizontalPodAutoscaler")(d)["spec"]["behavior"].pop("scaleDown"), "rule", "scales down faster"),
    ("a setting misspelt", "production", lambda d: config(d).update(HUBBUB__DRAIN__SPRED="60s"), "rule", "HUBBUB__DRAIN__SPRED is no setting"),
    ("a variable misspelt", "podman", lambda d: set_env(d, "DATABSE_URL", "x"), "rule", "DATABSE_URL is no setting"),
    ("a value that is none", "production", lambda d: config(d).update(HUBBUB__DATABASE__BATCH="many"), "hubbub", "database.batch"),
    ("a password in the Deployment", "production", lambda d: set_env(d, "DATABASE_URL", "postgres://u:p@h/d"), "rule", "DATABASE_URL is a secret"),
    ("a password in the ConfigMap", "production", lambda d: config(d).update(JWT_SECRET="0123456789abcdef0123456789abcdef"), "rule", "JWT_SECRET is a secret"),
    ("a Secret in the manifests", "production", lambda d: d.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hubbub", "namespace": "hubbub"}}), "rule", "a Secret in the manifests"),
    ("a tag in production", "production", lambda d: container(d).update(image="registry.example.com/hubbub:1"), "rule", "not named by digest"),
    ("no namespace policy", "production", lambda d: of("Namespace")(d)["metadata"].pop("labels"), "rule", "does not enforce restricted"),
    ("the metrics for the public", "production", lambda d: of("Service")(d)["spec"]["ports"].append({"name": "ops", "port": 9464, "targetPort": "ops"}), "rule", "not to http alone"),
    ("a Service that finds nobody", "production", lambda d: of("Service")(d)["spec"]["selector"].update(x="y"), "rule", "leads to no node"),
    ("a ServiceMonitor that finds nobody", "production", lambda d: of("ServiceMonitor")(d)["spec"]["selector"]["matchLabels"].update(x="y"), "rule", "finds no Service"),
    ("open to all", "production", without("NetworkPolicy", "default-deny"), "rule", "no policy denies"),
    ("closed to other nodes", "production", lambda d: policies(d, lambda s: s.get("ingress") and s["ingress"].pop(1)), "rule", "each other's port http"),
    ("closed to Prometheus", "production", lambda d: policies(d, lambda s: s.get("ingress") and s["ingress"].pop(2)), "rule", "Prometheus may not reach"),
    ("no way to the data", "production", without("NetworkPolicy", "hubbub-data"), "rule", "may not go out to port 5432/TCP"),
    ("no way to names", "dev", without("NetworkPolicy", "hubbub-dns"), "rule", "may not go out to port 53/UDP"),
    ("a database that lets nobody in", "dev", without("NetworkPolicy", "postgres"), "rule", "may not reach postgres"),
    ("a way to the cloud's keys", "production", lambda d: of("NetworkPolicy", "hubbub-data")(d)["spec"]["egress"][0]["to"][0]["ipBlock"].pop("except"), "rule", "metadata service"),
    ("a ConfigMap that is not there", "production", lambda d: container(d)["envFrom"].append({"configMapRef": {"name": "hubbub"}}), "rule", "there is no ConfigMap hubbub"),
    ("a key that is not in the Secret", "dev", lambda d: of("Secret")(d)["data"].pop("REDIS_URL"), "rule", "has no REDIS_URL"),
    ("another schema's Job", "production", lambda d: of("Job", "hubbub-migrate")(d)["spec"]["template"]["spec"]["containers"][0].update(image="x@sha256:" + "0" * 64), "rule", "another image"),
    ("no Job", "production", without("Job", "hubbub-migrate"), "rule", "no Job hubbub-migrate"),
    ("a Job without its account", "production", lambda d: of("ServiceAccount")(d)["metadata"]["labels"].pop("app.kubernetes.io/component"), "rule", "cannot be applied by itself"),
    ("a Job without its network", "production", lambda d: of("NetworkPolicy", "hubbub-data")(d)["metadata"].pop("labels"), "rule", "would not be applied with it"),
    ("traces with no way out", "production", lambda d: config(d).update(HUBBUB__TRACING__OTLP_ENDPOINT="http://collector.monitoring:4319"), "rule", "may not go out to port 4319/TCP"),
    ("a node on all addresses", "podman", lambda d: config(d).update(HUBBUB__HTTP__HOST="0.0.0.0"), "rule", "more than the loopback"),
    ("two nodes on one port", "podman", lambda d: [c["data"].update(OPS_PORT="1") for c in manifests.kind_of(d, "ConfigMap")], "rule", "the same port"),
    ("an HPA by a metric that is none", "production", lambda d: of("HorizontalPodAutoscaler")(d)["spec"]["metrics"][0]["pods"]["metric"].update(name="hubbub_connections"), "metric", "there is no metric hubbub_connections"),
    ("a rule about a metric that is none", "production", rule_says('sum by (job) (rate(hubub_handshakes_total{result="x"}[5m])) > 5'), "metric", "there is no metric hubub_handshakes_total"),
    ("buckets of a counter", "production", rule_says("rate(hubbub_handshakes_total_bucket[5m])"), "metric", "needs a histogram"),
    ("a record that nothing makes", "production", rule_says("job:hubbub_nothing:sum > 1"), "metric", "nothing records"),
]


def noticed(by, overlay, documents, binary, seen):
    """The faults of one kind of check; a rule that stumbles over what is missing has noticed nothing."""
    if by == "schema":
        return schemas.faults(documents, overlay)
    if by == "hubbub":
        return list(settings.value_faults(documents, binary))
    if by == "metric":
        return metrics.faults_in(documents, seen)[0]
    by_rule = []
    checks = [lambda d: settings.name_faults(d), lambda d: policy.OVERLAYS[overlay](d), lambda d: pod_rules.inline_secrets(d)]
    for check in checks:
        try:
            for fault in check(documents):
                by_rule.append(fault)
        except (KeyError, TypeError, IndexError):
            continue
    return by_rule


def main():
    folder, binary, seen = Path(sys.argv[1]), sys.argv[2], metrics.scraped(sys.argv[3])
    overlays = {
        name: [d for d in yaml.safe_load_all((folder / f"{name}.yaml").read_text(encoding="utf-8")) if d] for name in manifests.OVERLAYS
    }
    missed, done = [], 0
    for what, overlay, change, by, expected in CASES:
        documents = copy.deepcopy(overlays[overlay])
        if any(expected in fault for fault in noticed(by, overlay, documents, binary, seen)):
            missed.append(f"{what}: {expected!r} is said of the whole manifests, too")
        change(documents)
        if documents == overlays[overlay]:
            missed.append(f"{what}: nothing was broken")
        found = noticed(by, overlay, documents, binary, seen)
        if not any(expected in fault for fault in found):
            missed.append(f"{what}: not noticed; expected {expected!r} in {found}")
        done += 1
    if missed:
        sys.exit("\n".join(missed))
    print(f"{done} ways to break them are noticed")


if __name__ == "__main__":
    main()
