#!/usr/bin/env bash
# cluster.sh BINARY: two nodes on a PostgreSQL and a Redis of their own, until Ctrl-C. Accounts, messages, images and logs stay in
# data/cluster/. NODE1_PORT and NODE2_PORT set the nodes' ports.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/lib.sh"
root=$(cd "$here/../.." && pwd)
binary=$(realpath "${1:?the binary}")
ports=("${NODE1_PORT:-3001}" "${NODE2_PORT:-3002}")

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
postgres_bin >/dev/null || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
  echo "A cluster needs PostgreSQL and Redis as programs. Please run (as root):" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

folder=$root/data/cluster
mkdir -p "$folder/media"
exec 9>"$folder/lock"
flock -n 9 || { echo "A cluster runs from $folder already." >&2; exit 1; }

# The user postgres can't enter some folders, such as those in /root: then its data lies elsewhere, for this run only.
database=$folder/postgres temporary=''
if [ "$(id -u)" = 0 ] && ! "${as_postgres[@]}" test -x "$folder"; then
  temporary=$(mktemp -d "${TMPDIR:-/tmp}/hubbub-cluster.XXXXXX")
  chmod 711 "$temporary"
  database=$temporary/postgres
  echo "The user postgres cannot enter $folder: this cluster forgets its accounts and messages when it ends."
fi

POSTGRES_PID='' REDIS_PID='' nodes=('' '')
finish() {
  local code=$? pid
  trap - EXIT
  trap '' INT TERM HUP
  echo "stopping"
  for pid in "${nodes[@]}"; do if alive "$pid"; then kill -s TERM "$pid" || true; fi; done
  for pid in "${nodes[@]}"; do stop "$pid" TERM 20; done
  stop "$POSTGRES_PID" INT 15
  stop "$REDIS_PID" TERM 15
  if [ -n "$temporary" ]; then rm -rf "$temporary"; fi
  exit "$code"
}
trap finish EXIT
trap 'exit 0' INT TERM HUP

if [ ! -s "$folder/jwt-secret" ]; then
  (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$folder/jwt-secret")
fi
start_postgres "$database" 9>&-
start_redis "$folder/redis" 9>&-

export JWT_SECRET DATABASE_URL=$POSTGRES_URL REDIS_URL
JWT_SECRET=$(cat "$folder/jwt-secret")
export OPS_PORT=0 HUBBUB__MEDIA__URL=file://$folder/media HUBBUB__MEDIA__SHARED=true HUBBUB__DATABASE__MIGRATE_ON_START=true
# Nobody's load balancer needs to notice here.
export HUBBUB__DRAIN__NOTICE=0s HUBBUB__DRAIN__SPREAD=1s HUBBUB__DRAIN__FINISH=5s

for i in 0 1; do
  # A process group of its own: Ctrl-C comes to this script, which then stops all in the right order.
  PORT=${ports[i]} setpriv --pdeathsig=TERM setsid "$binary" serve >"$folder/node$((i + 1)).out" 2>"$folder/node$((i + 1)).log" </dev/null 9>&- &
  nodes[i]=$!
done
for i in 0 1; do
  if ! await 60 "${nodes[i]}" grep -q '^hubbub listens on ' "$folder/node$((i + 1)).out"; then
    echo "node $((i + 1)) did not start; the end of $folder/node$((i + 1)).log:" >&2
    tail -n 20 "$folder/node$((i + 1)).log" >&2
    exit 1
  fi
  echo "node $((i + 1)): $(sed -n 's/^hubbub listens on //p' "$folder/node$((i + 1)).out") (log: data/cluster/node$((i + 1)).log)"
done
echo "Ctrl-C ends both, and their PostgreSQL and Redis."

# A node may be stopped or killed on purpose, to see what happens: the other one goes on.
left=2
while [ "$left" -gt 0 ]; do
  code=0
  wait -n -p ended "${nodes[@]}" "$POSTGRES_PID" "$REDIS_PID" || code=$?
  for i in 0 1; do
    if [ "${nodes[i]}" = "$ended" ]; then
      echo "node $((i + 1)) ended with exit code $code"
      nodes[i]=''
      left=$((left - 1))
    fi
  done
  if [ "$ended" = "$POSTGRES_PID" ] || [ "$ended" = "$REDIS_PID" ]; then
    echo "PostgreSQL or Redis ended with exit code $code; see the logs in $folder" >&2
    exit 1
  fi
done
exit 1
