"""Reading manifests: what the checks share."""

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
K8S = ROOT / "k8s"
OVERLAYS = sorted(path.parent.name for path in (K8S / "overlays").glob("*/kustomization.yaml"))
# The oldest and the newest that hubbub is for.
VERSIONS = ("1.30", "1.37")


def render(overlay, kubectl="kubectl", k8s=K8S):
    """What would be applied: a list of objects."""
    command = [kubectl, "kustomize", str(k8s / "overlays" / overlay)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def kind_of(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def named(documents, kind, name):
    return next((d for d in kind_of(documents, kind) if re.fullmatch(name, d["metadata"]["name"])), None)


def pods(documents):
    """(workload, pod template) of everything that runs."""
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield document, document["spec"]["template"]
        elif document["kind"] == "CronJob":
            yield document, document["spec"]["jobTemplate"]["spec"]["template"]
        elif document["kind"] == "Pod":
            yield document, document


def labels_match(selector, labels):
    """A label selector; an empty one takes all."""
    for key, value in (selector or {}).get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in (selector or {}).get("matchExpressions", []):
        value, operator = labels.get(rule["key"]), rule["operator"]
        fits = {
            "In": value in rule.get("values", []),
            "NotIn": value not in rule.get("values", []),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[operator]
        if not fits:
            return False
    return True


def seconds(text):
    """A time as hubbub's settings have it: 500ms, 10s, 5m, 1m30s."""
    parts = re.findall(r"(\d+)(ms|s|m|h|d)", text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        raise ValueError(f"{text!r} is no time")
    return sum(int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for number, unit in parts)


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def blocks(markdown):
    """(line, text) of each YAML example in a document."""
    text = Path(markdown).read_text(encoding="utf-8")
    for found in re.finditer(r"^```yaml\n(.*?)^```", text, re.M | re.S):
        yield text.count("\n", 0, found.start()) + 1, found.group(1)
