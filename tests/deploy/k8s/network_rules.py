"""Rules for the network policies: closed by default, and open for what the nodes use."""

import re

import rules
from manifests import kind_of, labels_match, pods
from settings import environment


def applying(documents, labels, direction):
    for policy in kind_of(documents, "NetworkPolicy"):
        if direction in policy["spec"]["policyTypes"] and labels_match(policy["spec"]["podSelector"], labels):
            yield policy


def opened(documents, labels, direction):
    """(port, protocol, peers) of each rule for pods with these labels; peers are None for anybody."""
    key, who = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for policy in applying(documents, labels, direction):
        for rule in policy["spec"].get(key, []):
            for port in rule.get("ports", [{"port": "any", "protocol": "any"}]):
                yield port["port"], port.get("protocol", "TCP"), rule.get(who)


def faults(documents):
    container = rules.node_container(documents)
    labels = rules.node(documents)["spec"]["template"]["metadata"]["labels"]
    if not any(p["spec"]["podSelector"] == {} and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} and not p["spec"].get("ingress")
               and not p["spec"].get("egress") for p in kind_of(documents, "NetworkPolicy")):
        yield "no policy denies what no other allows"

    into = list(opened(documents, labels, "Ingress"))
    for port, _, peers in into:
        if not peers:
            yield f"everybody may reach port {port}"
    for port in container["ports"]:
        if not any(open_port in (port["name"], port["containerPort"]) for open_port, _, _ in into):
            yield f"nobody may reach port {port['name']}"
    # A node forwards polls to the one that holds the session.
    itself = [peers for port, _, peers in into if port == "http" and any(p.get("podSelector") and "namespaceSelector" not in p
              and labels_match(p["podSelector"], labels) for p in peers or [])]
    if not itself:
        yield "the nodes may not reach each other's port http"
    scraped = [p for port, _, peers in into if port == "ops" for p in peers or []
               if p.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name") == "monitoring"]
    if not scraped:
        yield "Prometheus may not reach port ops"

    for workload, template in pods(documents):
        spec = template["spec"]["containers"][0]
        if template["metadata"]["labels"].get("app.kubernetes.io/name") != "hubbub":
            yield from reached_by_hubbub(documents, workload, template)
            continue
        config_maps = {c["metadata"]["name"]: c["data"] for c in kind_of(documents, "ConfigMap")}
        variables = environment(spec, config_maps)
        needed = {(53, "UDP"), (53, "TCP"), (5432, "TCP")}
        if "REDIS_URL" in variables:
            needed.add((6379, "TCP"))
        if variables.get("HUBBUB__MEDIA__URL", "").startswith("s3:"):
            needed.add((443, "TCP"))
        if "HUBBUB__CLUSTER__ADDRESS" in variables:
            needed.add(("http", "TCP"))
        traces = re.search(r":(\d+)/?$", variables.get("HUBBUB__TRACING__OTLP_ENDPOINT", ""))
        if traces:
            needed.add((int(traces.group(1)), "TCP"))
        out = {(port, protocol) for port, protocol, _ in opened(documents, template["metadata"]["labels"], "Egress")}
        for port, protocol in sorted(needed - out, key=str):
            yield f"{workload['kind']} {workload['metadata']['name']} may not go out to port {port}/{protocol}"
        for port, _, peers in opened(documents, template["metadata"]["labels"], "Egress"):
            for peer in peers or [{}]:
                if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" and "169.254.0.0/16" not in peer["ipBlock"].get("except", []):
                    yield f"port {port} is open to the cloud's metadata service"
                if not peer:
                    yield f"port {port} is open to everywhere"


def reached_by_hubbub(documents, workload, template):
    """A database in the cluster lets the nodes in."""
    labels = rules.node(documents)["spec"]["template"]["metadata"]["labels"]
    for port in template["spec"]["containers"][0].get("ports", []):
        peers = [p for open_port, _, who in opened(documents, template["metadata"]["labels"], "Ingress") if open_port in (port["name"], port["containerPort"])
                 for p in who or []]
        if not any(labels_match(p.get("podSelector"), labels) for p in peers):
            yield f"hubbub may not reach {workload['metadata']['name']}"
