#!/usr/bin/env bash
# image.sh [BINARY]: builds the image (HUBBUB_IMAGE, or else localhost/hubbub:ci) around a binary, by default target/release/hubbub, and
# writes its bill of materials to target/image/sbom.cdx.json. The base is distroless from its registry; BASE=debian makes one from
# Debian's packages instead, and so it goes without being told where the registry can't be reached. BASE=NAME takes any other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/podman-lib.sh"
binary=${1:-${HUBBUB_BIN:-$deploy_root/target/release/hubbub}}
[ -x "$binary" ] || { echo "There is no $binary. Please run: make release" >&2; exit 1; }
podman_setup
distroless=$(sed -n 's/^ARG BASE=//p' "$deploy_root/Containerfile")
base=${BASE:-$distroless}
if [ "$base" = "$distroless" ] && ! podman image exists "$base" && ! timeout 120 podman pull -q "$base" >/dev/null 2>&1; then
  echo "$base cannot be had here: making a base from Debian's packages"
  base=debian
fi
if [ "$base" = debian ]; then base=$("$here/base-image.sh"); fi

out=$deploy_root/target/image
mkdir -p "$out"
context=$(mktemp -d "$out/context.XXXXXX")
trap 'rm -rf "$context"' EXIT
cd "$deploy_root"
# The commit's time and not the clock: the same sources make the same image.
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)}
export SOURCE_DATE_EPOCH
if [ "$commit" != unknown ] && [ -n "$(git status --porcelain --untracked-files=no)" ]; then commit=$commit-dirty; fi

python3 "$here/sbom.py" >"$context/sbom.cdx.json"
cp "$context/sbom.cdx.json" "$out/sbom.cdx.json"
python3 "$here/sbom-check.py" target/image/sbom.cdx.json
# Debug information is most of a binary, and nobody can read it in there. Backtraces keep the functions' names.
strip --strip-debug -o "$context/hubbub" "$binary" 2>/dev/null || cp "$binary" "$context/hubbub"
version=$("$binary" --version)
podman build --quiet --layers=false --isolation chroot --format oci --timestamp "$SOURCE_DATE_EPOCH" --build-arg BASE="$base" \
  --build-arg VERSION="${version#* }" --build-arg REVISION="$commit" --target prebuilt -t "$HUBBUB_IMAGE" -f Containerfile "$context" >/dev/null

# What the tag named before; containers that still run from it keep it.
podman image prune -f >/dev/null

# A binary from a machine with a newer C library ends here, and not in a cluster.
inside=$(podman run --rm --network none --read-only "$HUBBUB_IMAGE" --version) || { echo "the binary does not run on $base" >&2; exit 1; }
[ "$inside" = "$version" ] || { echo "the image has $inside, not $version" >&2; exit 1; }
echo "$HUBBUB_IMAGE: $inside on $base, $(podman image inspect --format '{{ .Size }}' "$HUBBUB_IMAGE" | numfmt --to=iec-i --suffix=B)"
