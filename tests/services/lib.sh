# Private PostgreSQL and Redis for tests and for `make run-cluster`: functions to source, with `set -euo pipefail`.
# Everything listens on 127.0.0.1 only, on a port that was free, and dies with the shell that started it.

# Where Debian keeps the newest PostgreSQL server's programs; they are not on the PATH.
postgres_bin() {
  local dirs=(/usr/lib/postgresql/*/bin)
  if [ -x "${dirs[0]}/postgres" ]; then
    printf '%s\n' "${dirs[@]}" | sort -V | tail -n 1
  elif command -v postgres >/dev/null; then
    dirname "$(command -v postgres)"
  else
    return 1
  fi
}

# PostgreSQL refuses to run as root. The signal on the parent's death must be set together with the user, or it is lost.
as_postgres=(setpriv --pdeathsig=INT)
if [ "$(id -u)" = 0 ]; then
  as_postgres+=(--reuid=postgres --regid=postgres --init-groups)
fi

# Below the range from which Linux takes the ports of outgoing connections.
random_port() { echo $((10000 + (RANDOM * 32768 + RANDOM) % 20000)); }

alive() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null; }

# await SECONDS PID COMMAND...: until the command succeeds; fails when the time is over or the process has ended.
await() {
  local until=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$pid" || [ "$SECONDS" -ge "$until" ]; then return 1; fi
    sleep 0.05
  done
}

# stop PID SIGNAL SECONDS: asks, waits, then insists.
stop() {
  local pid=${1:-} until=$((SECONDS + $3))
  alive "$pid" || return 0
  kill -s "$2" "$pid" 2>/dev/null || true
  while alive "$pid"; do
    if [ "$SECONDS" -ge "$until" ]; then
      echo "process $pid did not heed SIG$2 for $3 s: killing it" >&2
      kill -s KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.05
  done
  wait "$pid" 2>/dev/null || true
}

# start_postgres FOLDER [OPTION...]: sets POSTGRES_PID and POSTGRES_URL. The folder may hold data of an earlier run.
start_postgres() {
  local folder=$1 bin port attempt
  shift
  bin=$(postgres_bin)
  mkdir -p "$folder"
  chmod 700 "$folder"
  if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
  if [ ! -s "$folder/data/PG_VERSION" ]; then
    # Made aside and renamed, so that an interrupted initdb leaves nothing that looks complete.
    rm -rf "$folder/new"
    env -C "$folder" "${as_postgres[@]}" "$bin/initdb" -D "$folder/new" -U postgres -A trust -E UTF8 --locale=C --no-sync \
      >"$folder.log" 2>&1 || { cat "$folder.log" >&2; return 1; }
    mv "$folder/new" "$folder/data"
  fi
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$(random_port)
    # A session of its own, here and below: Ctrl-C comes to the script, which stops things in the right order.
    env -C "$folder" "${as_postgres[@]}" setsid "$bin/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories= -c max_connections=400 "$@" \
      >"$folder.log" 2>&1 </dev/null &
    POSTGRES_PID=$!
    if await 30 "$POSTGRES_PID" postgres_is_ready "$folder"; then
      # shellcheck disable=SC2034  # for the script that sources this
      POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
      return 0
    fi
    stop "$POSTGRES_PID" INT 5
    POSTGRES_PID=
    # Only a port that somebody else holds is worth another attempt.
    grep -qi 'address already in use' "$folder.log" || break
  done
  echo "PostgreSQL does not start:" >&2
  tail -n 20 "$folder.log" >&2
  return 1
}

# Asked of its own status file: on the port, somebody else's server might answer.
postgres_is_ready() {
  [ "$(sed -n 1p "$1/data/postmaster.pid")" = "$POSTGRES_PID" ] && [ "$(sed -n 8p "$1/data/postmaster.pid" | tr -d ' ')" = ready ]
}

# start_redis FOLDER: sets REDIS_PID and REDIS_URL. Keeps nothing on disk.
start_redis() {
  local folder=$1 port attempt
  mkdir -p "$folder"
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$(random_port)
    env -C "$folder" setpriv --pdeathsig=TERM setsid redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" \
      --unixsocket redis.sock --daemonize no >"$folder.log" 2>&1 </dev/null &
    REDIS_PID=$!
    if await 15 "$REDIS_PID" redis_answers "$folder"; then
      # shellcheck disable=SC2034  # for the script that sources this
      REDIS_URL=redis://127.0.0.1:$port
      return 0
    fi
    stop "$REDIS_PID" TERM 5
    REDIS_PID=
    grep -qi 'address already in use' "$folder.log" || break
  done
  echo "Redis does not start:" >&2
  tail -n 20 "$folder.log" >&2
  return 1
}

redis_answers() { [ "$(env -C "$1" redis-cli -s redis.sock ping)" = PONG ]; }
