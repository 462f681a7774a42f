#!/usr/bin/env bash
# base-image.sh: makes a base for the image out of Debian's packages, for who has no registry: what distroless has in its `cc` and that
# hubbub needs. Does nothing if there is one of the same package versions already. Prints its name.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/podman-lib.sh"
podman_setup >&2
packages=(base-files ca-certificates libc6 libgcc-s1 netbase tzdata)
image=localhost/hubbub-base:bookworm

[ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ] || { echo "This needs Debian 12, whose packages it takes." >&2; exit 1; }
# One may ask apt without being root, but it must know of packages.
wanted=$(apt-cache policy "${packages[@]}" | awk '/^[^ ]/ { name = $1 } $1 == "Candidate:" { printf "%s%s ", name, $2 }')
case " $wanted" in *"(none)"* | ' ') echo "apt does not know the packages: please run apt-get update" >&2; exit 1 ;; esac

# What makes it is part of what it is.
wanted+=$(cksum <"$here/base-image.sh" | tr -d ' ')
present=$(podman image inspect --format '{{ index .Labels "hubbub.packages" }}' "$image" 2>/dev/null || true)
if [ "$present" = "$wanted" ]; then
  echo "$image"
  exit 0
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/hubbub-base.XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/debs" "$folder/root"
(cd "$folder/debs" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}") >&2
root=$folder/root
# Where scanners look for packages in an image that has no dpkg.
mkdir -p "$root/var/lib/dpkg/status.d"
for deb in "$folder"/debs/*.deb; do
  dpkg-deb -x "$deb" "$root"
  dpkg-deb -f "$deb" >"$root/var/lib/dpkg/status.d/$(dpkg-deb -f "$deb" Package)"
done
# What the packages' scripts would have made.
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
mkdir -p "$root/home/nonroot" "$root/tmp"
chmod 1777 "$root/tmp"
# Programs of these packages (they need a shell, or are for a shell), and papers; the licences stay.
rm -rf "$root"/{bin,sbin,usr/bin,usr/sbin,usr/share/man,usr/share/locale,usr/share/lintian,usr/share/doc/*/{changelog*,examples},etc/update-motd.d,usr/lib/x86_64-linux-gnu/gconv}

printf 'FROM scratch\nCOPY root/ /\nCOPY --chown=65532:65532 root/home/nonroot /home/nonroot\nLABEL hubbub.packages="%s"\n' "$wanted" >"$folder/Containerfile"
podman build --quiet --layers=false --isolation chroot --format oci -t "$image" -f "$folder/Containerfile" "$folder" >/dev/null
echo "$image"
