#!/usr/bin/env bash
# rules.sh: the rules of k8s/base/prometheus-rule.yaml are valid and pass their unit tests; each alert has tests and a runbook; the example
# scrape configuration is valid; the dashboard is what its generator makes, and all its queries can be parsed. Needs no hub; takes seconds.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
monitoring=$root/k8s/monitoring
"$here/../install.sh" promtool:prometheus

folder=$(mktemp -d "${TMPDIR:-/tmp}/hubbub-rules.XXXXXX")
trap 'rm -rf "$folder"' EXIT

"$here/python.sh" "$here/rules.py" extract >"$folder/rules.yml"
promtool check rules --lint=all --lint-fatal "$folder/rules.yml"
cp "$monitoring/prometheus.yml" "$folder/"
promtool check config "$folder/prometheus.yml"
cp "$monitoring"/tests/*.yml "$folder/"
tests=()
for file in "$monitoring"/tests/*.yml; do tests+=("$folder/${file##*/}"); done
promtool test rules "${tests[@]}"

"$here/python.sh" "$here/rules.py" check
node "$monitoring/dashboard/build.mjs" --check
"$here/python.sh" "$here/queries.py" parse
