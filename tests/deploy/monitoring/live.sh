#!/usr/bin/env bash
# live.sh: dashboard and rules against a real Prometheus that scraped two real nodes under load; about a minute. HUBBUB_BIN is the binary,
# target/debug/hubbub without it. Everything that it starts is its own, on free ports, and ends with it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
"$root/tests/services/install.sh"
"$root/tests/deploy/install.sh" prometheus promtool:prometheus
"$here/python.sh" --version >/dev/null # made here, not while the clock of a check runs
exec "$root/tests/services/with.sh" timeout --kill-after=10 300 node "$here/live.mjs"
