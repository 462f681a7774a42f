#!/usr/bin/env bash
# install.sh PROGRAM[:PACKAGE]...: makes sure that these programs exist, through apt if root, and starts none of the services that come
# with them. Without root it says what to run, and fails.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

missing=()
for wanted in "$@"; do
  command -v "${wanted%%:*}" >/dev/null || missing+=("${wanted##*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "This needs packages that are not installed. Please run:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d made=''
undo() { if [ -n "$made" ]; then rm -f "$made"; fi; }
trap undo EXIT
# Debian starts what it installs. We want programs only: no service, no port taken.
if [ ! -e "$policy" ]; then
  made=$policy
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Another apt may be at work; it ends.
apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
undo
made=''
# Not at the next boot either; services that were here before us are not ours to touch.
if [ -d /run/systemd/system ]; then
  for package in "${missing[@]}"; do
    case $package in haproxy | nginx* | prometheus* | redis-server | postgresql | podman)
      systemctl list-unit-files --no-legend "${package%-light}.service" "${package%-light}.socket" | while read -r unit _; do
        systemctl disable --now --quiet "$unit" || true
      done
      ;;
    esac
  done
fi
