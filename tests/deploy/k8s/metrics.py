"""metrics.py RENDERED-FOLDER SCRAPE: every metric named by the HPA, the rules, the dashboards and the adapter's example exists in a real
scrape of hubbub, with a type that fits how it is used. SCRAPE is a file with what /metrics answered."""

import json
import re
import sys
from pathlib import Path

import yaml

import manifests

# Prometheus's own.
FOREIGN = {"ALERTS", "up"}
WORDS = {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"}
# Makers in src/metrics.rs of series with labels. Such a series is in a scrape only once something was counted under a label, and some need a
# Redis that fails or an image that is refused; so for these, and only these, being declared is enough. What is always there must be seen.
LABELLED = {"counters", "gauges", "histograms"}
TYPES = {"counter": "counter", "gauge": "gauge", "fraction": "gauge", "histogram": "histogram"}


def declared():
    """Name -> (type, whether it has labels)."""
    text = (manifests.ROOT / "src/metrics.rs").read_text(encoding="utf-8")
    found = {}
    for maker, name in re.findall(r"^    \w+: (\w+)\(\s*\"(\w+)\"", text, re.M):
        found[f"hubbub_{name}"] = (TYPES[maker.removesuffix("s")], maker in LABELLED)
    return found


def scraped(path):
    """Name -> type."""
    text = Path(path).read_text(encoding="utf-8")
    if not text.endswith("\n") or "# TYPE " not in text:
        sys.exit(f"{path} is no whole scrape")
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def names_in(expression):
    """The names of series in PromQL: what is left without texts, labels, times, functions and words."""
    text = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(?:offset)\s+-?\w+", " ", text)
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*(?:\([^)]*\))?", " ", text)
    found = re.findall(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:])(?!\s*\()", text)
    return {name for name in found if name.lower() not in WORDS}


def expressions(documents):
    """(where, PromQL) of everything that asks Prometheus."""
    for document in documents:
        if document["kind"] == "PrometheusRule":
            for group in document["spec"]["groups"]:
                for rule in group["rules"]:
                    yield f"rule {rule.get('alert') or rule['record']}", str(rule["expr"])
        if document["kind"] == "HorizontalPodAutoscaler":
            for metric in document["spec"]["metrics"]:
                if "pods" in metric:
                    yield f"HPA {document['metadata']['name']}", metric["pods"]["metric"]["name"]
    for path in sorted((manifests.K8S / "monitoring").rglob("*.json")):
        panels = list(json.loads(path.read_text(encoding="utf-8")).get("panels", []))
        while panels:
            panel = panels.pop()
            panels += panel.get("panels", [])
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel.get('title')}", target["expr"]
    # Prometheus's adapter, which the HPA needs, is configured by the reader of the docs.
    for line, text in manifests.blocks(manifests.ROOT / "docs/kubernetes.md"):
        for document in yaml.safe_load_all(text):
            for rule in (document or {}).get("rules", []) if isinstance(document, dict) else []:
                if isinstance(rule, dict) and "seriesQuery" in rule:
                    yield f"docs/kubernetes.md:{line}", rule["seriesQuery"]


def records(documents):
    rules = (r for d in documents if d["kind"] == "PrometheusRule" for g in d["spec"]["groups"] for r in g["rules"])
    return {rule["record"] for rule in rules if "record" in rule}


def base_of(name, types):
    """hubbub_x_bucket is of the histogram hubbub_x."""
    for suffix in ("_bucket", "_sum", "_count"):
        if name not in types and name.endswith(suffix):
            return name.removesuffix(suffix), "histogram"
    return name, None


def faults_in(documents, seen):
    """(faults, names used, names that are declared only)."""
    own, recorded = declared(), records(documents)
    types = seen | {name: kind for name, (kind, _) in own.items()}
    used, unseen = {}, set()
    # A new way of declaring would go unnoticed otherwise.
    faults = [f"{name} is scraped and src/metrics.rs does not declare it" for name in sorted(seen) if name.startswith("hubbub_") and name not in own]
    for where, expression in expressions(documents):
        for name in names_in(expression) - FOREIGN:
            used.setdefault(name, where)
    for name, where in sorted(used.items()):
        base, needs = base_of(name, types)
        if ":" in name:
            if name not in recorded:
                faults.append(f"{where}: nothing records {name}")
        elif needs and types.get(base) != needs:
            faults.append(f"{where}: {name} needs a histogram {base}")
        elif base in seen:
            continue
        elif base in own and own[base][1]:
            unseen.add(base)
        elif base in own:
            faults.append(f"{where}: {base} has no labels, and is not in the scrape all the same")
        else:
            faults.append(f"{where}: there is no metric {base}")
    if len(used) < 10:
        faults.append(f"only {len(used)} metrics are used: the manifests are not read rightly")
    return faults, used, unseen


def main():
    folder, scrape = Path(sys.argv[1]), sys.argv[2]
    documents = [d for d in yaml.safe_load_all((folder / "production.yaml").read_text(encoding="utf-8")) if d]
    if len(declared()) < 30:
        sys.exit(f"src/metrics.rs declares {len(declared())} metrics: it is not read rightly")
    faults, used, unseen = faults_in(documents, scraped(scrape))
    if faults:
        sys.exit("\n".join(faults))
    rest = f"; declared, and not counted yet in this scrape: {', '.join(sorted(unseen))}" if unseen else ""
    print(f"{len(used)} names in rules, dashboards and the HPA exist{rest}")


if __name__ == "__main__":
    main()
