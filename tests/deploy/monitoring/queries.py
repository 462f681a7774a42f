"""Checks the queries of the dashboard, of the rules and of docs/operations.md.
queries.py parse                       all can be parsed, and every record that the dashboard uses is a rule
queries.py names OPS_URL...            every metric that they use is in a scrape of these nodes, and docs/operations.md explains every one of those
queries.py panels PROMETHEUS_URL       every panel shows something, in a Prometheus that has these rules and scraped a hub under load;
                                       every rule can be evaluated there
The URLs come without a path."""
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import promql_parser

import rules

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "k8s/monitoring/hubbub-dashboard.json"
# Of Prometheus itself; no hub has them.
FOREIGN = {"up", "ALERTS"}
VARIABLES = {"$__rate_interval": "30s", "$namespace": ".*", "$job": "hubbub", "$instance": ".*"}


def fill_in(text):
    """What Grafana sends for it."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    if "$" in text:
        raise ValueError(f"an unknown variable in {text}")
    return text


def panels():
    """(title, query) of each target."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row" and not panel["targets"]:
            raise ValueError(f"the panel {panel['title']} has no query")
        for target in panel.get("targets", []):
            yield panel["title"], fill_in(target["expr"])


def variables():
    """(name, query) of each variable that asks for a label's values."""
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], fill_in(re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"])[1])


def manual():
    """(line, query) of each piece of code in docs/operations.md that is about a metric."""
    for number, line in enumerate(rules.MANUAL.read_text().splitlines(), 1):
        for code in re.findall(r"`([^`]*)`", line):
            if re.search(r"\b(hubbub_|process_|up\b|job\w*:)", code):
                yield f"docs/operations.md:{number}", code


def everything():
    yield from panels()
    yield from variables()
    yield from manual()
    for rule in rules.rules("expr"):
        yield rule.get("alert") or rule["record"], rule["expr"]


def metrics(query):
    """The metric names in a query, without the suffixes that a histogram's parts have."""
    found = set()

    def walk(node):
        if isinstance(node, promql_parser.VectorSelector):
            found.add(node.name)
        for child in ("expr", "lhs", "rhs", "vector_selector", "param"):
            if (part := getattr(node, child, None)) is not None:
                walk(part)
        for part in getattr(node, "args", None) or []:
            walk(part)

    walk(promql_parser.parse(query))
    return found


def parse():
    count, records = 0, {rule["record"] for rule in rules.rules("record")}
    for title, query in everything():
        count += 1
        try:
            used = metrics(query)
        except ValueError as error:
            yield f"{title}: {error}: {query}"
            continue
        # A walk that misses a kind of node would find too little and check too little.
        written = set(re.findall(r"\b(?:[a-z_]+:)?(?:hubbub|process)_\w+(?::\w+)?|\bhubbub:\w+", query))
        if missed := written - used:
            yield f"{title}: not recognised as metrics: {sorted(missed)}"
        yield from (f"{title}: no rule records {name}" for name in used if ":" in name and name not in records)
    print(f"{count} queries of dashboard, rules and manual parsed")


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def names(urls):
    exposed = set()
    for url in urls:
        exposed |= {re.match(r"\w+", line)[0] for line in fetch(f"{url}/metrics").splitlines() if line and line[0] != "#"}
    used = {}
    for title, query in everything():
        for name in metrics(query):
            if title.startswith("docs/") and f"{name}_bucket" in exposed:
                continue  # the manual's name for a whole histogram
            if ":" not in name and name not in FOREIGN:
                used.setdefault(name, []).append(title)
    yield from (f"{name}: no node exposes it, but it is used by: {', '.join(titles)}" for name, titles in sorted(used.items()) if name not in exposed)
    explained = set(re.findall(r"hubbub_\w+", rules.MANUAL.read_text()))
    for name in sorted(exposed):
        if name.startswith("hubbub_") and not {name, re.sub(r"_(bucket|sum|count)$", "", name)} & explained:
            yield f"{name}: docs/operations.md doesn't explain it"
    print(f"{len(used)} metrics are used, {len(exposed)} exposed")


def ask(prometheus, query):
    """What a panel of the last half minute shows: at its end the load, and whoever made it, may be gone."""
    now = time.time()
    window = {"query": query, "start": now - 30, "end": now, "step": 1}
    answer = json.loads(fetch(f"{prometheus}/api/v1/query_range?" + urllib.parse.urlencode(window)))
    return answer["data"]["result"]


def shown(prometheus, query):
    """The points that are numbers: a line of NaN shows nothing."""
    return [value for series in ask(prometheus, query) for _, value in series["values"] if not math.isnan(float(value))]


def live(prometheus):
    count = 0
    for title, query in [*panels(), *variables()]:
        count += 1
        if not shown(prometheus, query):
            yield f"{title}: shows nothing: {query}"
    groups = json.loads(fetch(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    loaded = {rule["name"]: rule for group in groups for rule in group["rules"]}
    for rule in rules.rules("expr"):
        name = rule.get("alert") or rule["record"]
        if loaded.get(name, {}).get("health") != "ok":
            yield f"{name}: {loaded.get(name, {}).get('lastError') or 'not loaded, or not evaluated yet'}"
    print(f"{count} queries of the dashboard asked, {len(loaded)} rules evaluated")


def main():
    match sys.argv[1:]:
        case ["parse"]:
            found = list(parse())
        case ["names", *urls] if urls:
            found = list(names(urls))
        case ["panels", prometheus]:
            found = list(live(prometheus))
        case _:
            sys.exit(__doc__)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
