#!/usr/bin/env bash
# Podman with a store and settings of its own, below target/podman: nothing of the user's or the machine's podman is read or written.
# To source, with `set -euo pipefail`, then `podman_setup`; or to run: podman-lib.sh COMMAND... runs it with these settings,
# such as `tests/deploy/podman-lib.sh podman images`.

# shellcheck disable=SC2034  # for the scripts that source this
HUBBUB_IMAGE=${HUBBUB_IMAGE:-localhost/hubbub:ci}
deploy_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Installs podman if it is missing, writes the settings, and exports CONTAINERS_CONF and CONTAINERS_STORAGE_CONF.
podman_setup() {
  PATH=$PATH:/usr/sbin:/sbin
  "$deploy_root/tests/deploy/install.sh" podman runc catatonit /usr/lib/podman/netavark:netavark
  local folder=${HUBBUB_PODMAN:-$deploy_root/target/podman} boot run driver=overlay files processes
  # What describes the running kernel must not outlive it: mounts and containers of an earlier boot are gone.
  boot=$(tr -d - </proc/sys/kernel/random/boot_id)
  run=$folder/run-${boot:0:12}
  mkdir -p "$folder/tmp" "$run"
  local other
  for other in "$folder"/run-*; do
    if [ "$other" != "$run" ]; then rm -rf "$other"; fi
  done
  # An overlay cannot lie on an overlay, which is where a container's files are.
  if [ "$(stat -f -c %T "$folder")" = overlayfs ]; then driver=vfs; fi
  # Podman asks for more than a machine may allow, and then nothing starts: ask for what there is.
  files=$(ulimit -Hn) processes=$(ulimit -Hu)
  if [ "$files" = unlimited ]; then files=1048576; fi
  # Podman lowers its own limit of processes before it starts anything, so the machine's limit may be too much again.
  if [ "$processes" = unlimited ] || [ "$processes" -gt 32768 ]; then processes=32768; fi

  write_if_other "$folder/storage.conf" <<CONF
[storage]
driver = "$driver"
graphroot = "$folder/storage"
runroot = "$run/storage"
CONF
  write_if_other "$folder/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]

[engine]
events_logger = "file"
# Locks in files of our own: those in shared memory belong to every podman of this user.
lock_type = "file"
tmp_dir = "$run/tmp"
static_dir = "$folder/storage/libpod"
volume_path = "$folder/storage/volumes"
image_copy_tmp_dir = "$folder/tmp"
$(podman_engine)

[network]
network_backend = "netavark"
network_config_dir = "$folder/networks"
CONF
  export CONTAINERS_CONF=$folder/containers.conf CONTAINERS_STORAGE_CONF=$folder/storage.conf
}

# Settings for machines without systemd, and for those that mount both kinds of cgroups, which crun does not support.
podman_engine() {
  if [ ! -d /run/systemd/system ]; then echo 'cgroup_manager = "cgroupfs"'; fi
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then echo 'runtime = "runc"'; fi
}

# write_if_other FILE: with what stdin says, at once, as another podman may be reading it.
write_if_other() {
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  if cmp -s "$new" "$1"; then rm "$new"; else mv "$new" "$1"; fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  [ $# -gt 0 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
  podman_setup
  exec "$@"
fi
