#!/usr/bin/env bash
# python.sh ARGUMENT...: Python with the packages of requirements.txt, in an environment below target/ that is made when it is missing or old.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../../.." && pwd)/target/monitoring-venv
mkdir -p "${venv%/*}"

make_environment() {
  # Somebody else may have been faster while we waited for the lock.
  if cmp -s "$here/requirements.txt" "$venv/made-from"; then return; fi
  rm -rf "$venv"
  python3 -m venv "$venv" || { echo "Please install python3-venv (Debian) or the like." >&2; return 1; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  # Last, so that an interrupted installation is not taken for a complete one.
  cp "$here/requirements.txt" "$venv/made-from"
}

if ! cmp -s "$here/requirements.txt" "$venv/made-from"; then
  exec 9>"$venv.lock"
  flock -w 300 9
  make_environment
  exec 9>&-
fi
# Nothing is left beside the sources.
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$@"
