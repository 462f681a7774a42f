#!/usr/bin/env bash
# install.sh [PROGRAM...]: installs what the tests need besides Rust and Node.js: PostgreSQL and Redis (as programs, not as services),
# make and the Node packages of tests/client; and these programs, whose packages have their names. Does nothing that is done already.
# Without root it says what to run, and fails.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/services/lib.sh"

missing=()
command -v make >/dev/null || missing+=(make)
command -v redis-server >/dev/null || missing+=(redis-server)
if ! postgres_bin >/dev/null || ! command -v psql >/dev/null; then missing+=(postgresql); fi
command -v setpriv >/dev/null || missing+=(util-linux)
for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done

install_packages() {
  local policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/hubbub-test.conf made=()
  # Debian starts what it installs, and makes a first database cluster. We want programs only: no service, no port taken.
  undo() { if [ ${#made[@]} -gt 0 ]; then rm -f "${made[@]}"; fi; }
  trap undo EXIT
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made+=("$policy")
  fi
  if [ ! -e /usr/bin/pg_createcluster ]; then
    mkdir -p "${cluster%/*}"
    echo 'create_main_cluster = false' >"$cluster"
    made+=("$cluster")
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  undo
  trap - EXIT
  # Not at the next boot either; services that were here before us are not ours to touch.
  if [ -d /run/systemd/system ]; then
    local package
    for package in "$@"; do
      case $package in redis-server | postgresql) systemctl disable --now --quiet "$package" || true ;; esac
    done
  fi
}

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    install_packages "${missing[@]}"
  else
    echo "Packages are needed that are not installed. Please run:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
fi

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 20 ]; then
  echo "The tests with the stock client need Node.js 20 or newer, with npm: https://nodejs.org/" >&2
  exit 1
fi

# npm writes this file last, so it is as new as what it describes.
client=$root/tests/client
if [ ! -e "$client/node_modules/.package-lock.json" ] || [ "$client/package-lock.json" -nt "$client/node_modules/.package-lock.json" ]; then
  (cd "$client" && npm ci --no-audit --no-fund --loglevel=error)
fi
