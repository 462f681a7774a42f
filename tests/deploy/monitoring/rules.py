"""rules.py extract: writes the plain rule file that is inside k8s/base/prometheus-rule.yaml.
rules.py check: fails if an alert lacks something that whoever is paged needs, or a test, or if a runbook has no alert."""
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "k8s/base/prometheus-rule.yaml"
TESTS = ROOT / "k8s/monitoring/tests"
MANUAL = ROOT / "docs/operations.md"
DEPLOYMENT = ROOT / "k8s/base/deployment.yaml"
UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def spec():
    return yaml.safe_load(RULES.read_text())["spec"]


def rules(kind):
    return [rule for group in spec()["groups"] for rule in group["rules"] if kind in rule]


def tested():
    """The alerts that some test expects to fire, and those that some test expects to stay quiet."""
    fires, quiet = set(), set()
    for file in sorted(TESTS.glob("*.yml")):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                (fires if case["exp_alerts"] else quiet).add(case["alertname"])
    return fires, quiet


def memory_faults():
    """The alert on memory knows the container's limit only by a number in a rule."""
    if not DEPLOYMENT.exists():
        return
    containers = yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]["containers"]
    limit = next(c for c in containers if c["name"] == "hubbub").get("resources", {}).get("limits", {}).get("memory")
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)?", str(limit)).groups()
    in_rule = next(rule["expr"] for rule in rules("record") if rule["record"] == "hubbub:memory_limit_bytes")
    factors = re.fullmatch(r"vector\(([\d* ]+)\)", in_rule)[1].split("*")
    product = 1
    for factor in factors:
        product *= int(factor)
    if product != int(number) * UNITS.get(unit, 1):
        yield f"hubbub:memory_limit_bytes is {in_rule}, the container's memory limit is {limit}"


def faults():
    fires, quiet = tested()
    headings = re.findall(r"^### (Hubbub\w+)$", MANUAL.read_text(), re.MULTILINE)
    alerts = [rule["alert"] for rule in rules("alert")]
    for name in sorted({name for name in alerts if alerts.count(name) > 1}):
        yield f"two alerts are called {name}"
    for rule in rules("alert"):
        name, notes = rule["alert"], rule.get("annotations", {})
        if name not in fires:
            yield f"{name}: no test in which it fires"
        if name not in quiet:
            yield f"{name}: no test in which it must not fire"
        if name not in headings:
            yield f"{name}: no section in docs/operations.md"
        if rule.get("labels", {}).get("severity") not in ("page", "ticket"):
            yield f"{name}: its severity is neither page nor ticket"
        if notes.get("runbook") != f"docs/operations.md#{name.lower()}":
            yield f"{name}: its runbook does not lead to its section"
        for key in ("summary", "description"):
            if not notes.get(key):
                yield f"{name}: no {key}"
        if re.search(r"\buser\b", str(rule.get("labels", {})) + rule["expr"]):
            yield f"{name}: it is about a user"
    for name in sorted((fires | quiet | set(headings)) - set(alerts)):
        yield f"{name}: tests or a runbook, but no alert"
    yield from memory_faults()


def main():
    if sys.argv[1:] == ["extract"]:
        yaml.safe_dump(spec(), sys.stdout, sort_keys=False, width=1000)
    elif sys.argv[1:] == ["check"]:
        found = list(faults())
        print("\n".join(found) or f"{len(rules('alert'))} alerts, each with tests and a runbook", file=sys.stderr if found else sys.stdout)
        sys.exit(bool(found))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
