#!/usr/bin/env bash
# with.sh COMMAND...: runs it beside a PostgreSQL and a Redis of its own, which it finds in HUBBUB_TEST_POSTGRES and
# HUBBUB_TEST_REDIS, and takes both away again, whatever happens. Any number of runs may stand side by side.
# The exit code is the command's; 1 if the command succeeded but left processes behind.
# With both variables set already, it only runs the command.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
if [ -n "${HUBBUB_TEST_POSTGRES:-}" ] && [ -n "${HUBBUB_TEST_REDIS:-}" ]; then exec "$@"; fi
. "$here/lib.sh"

folder=$(mktemp -d "${TMPDIR:-/tmp}/hubbub-test.XXXXXX")
POSTGRES_PID='' REDIS_PID='' group=''

# The members of the command's process group that still live, as `pid (name)`.
left_behind() {
  local stat name rest fields
  for stat in /proc/[0-9]*/stat; do
    read -r rest <"$stat" || continue
    name=${rest#*(}
    name=${name%)*}
    read -ra fields <<<"${rest##*) }"
    if [ "${fields[2]}" = "$group" ] && [ "${fields[0]}" != Z ]; then echo "${rest%% *} ($name)"; fi
  done 2>/dev/null
}

finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$group" ] && kill -0 -- "-$group" 2>/dev/null; then
    local left
    left=$(left_behind)
    if [ -n "$left" ]; then
      kill -s TERM -- "-$group" 2>/dev/null || true
      local until=$((SECONDS + 10))
      while [ -n "$(left_behind)" ] && [ "$SECONDS" -lt "$until" ]; do sleep 0.1; done
      kill -s KILL -- "-$group" 2>/dev/null || true
      if [ "$code" = 0 ]; then
        printf 'left running by %s:\n%s\n' "$command" "$left" >&2
        code=1
      fi
    fi
  fi
  stop "$POSTGRES_PID" INT 15
  stop "$REDIS_PID" TERM 15
  rm -rf "$folder"
  if alive "$POSTGRES_PID" || alive "$REDIS_PID" || [ -e "$folder" ]; then
    echo "with.sh could not clean up: see $folder" >&2
    [ "$code" != 0 ] || code=1
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

command=$1
# The user postgres must be able to pass through.
chmod 711 "$folder"
# Nothing here outlives the run, so nothing needs to reach the disk.
start_postgres "$folder/postgres" -c fsync=off -c full_page_writes=off
start_redis "$folder/redis"
export HUBBUB_TEST_POSTGRES=$POSTGRES_URL HUBBUB_TEST_REDIS=$REDIS_URL

# In a process group of its own, so that what it leaves behind can be found; `wait` lets the traps run at once.
set -m
setpriv --pdeathsig=TERM "$@" </dev/null &
group=$!
set +m
wait "$group"
