#!/usr/bin/env python3
"""sbom.py [TARGET]: prints a CycloneDX 1.6 bill of materials of the hubbub binary: every crate that is linked into it, by the lock
file, the npm packages in its web client, and (with the scope "excluded") the crates that only helped to build it. Needs Cargo and nothing from the network that a build
did not need already. TARGET is the platform, or else the compiler's own."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def crates(target, edges):
    """Name and version of what Cargo would build, with exactly the features that a release has."""
    text = cargo("tree", "--locked", "--package", "hubbub", "--target", target, "--edges", edges, "--prefix", "none", "--no-dedupe")
    found = set()
    for line in text.splitlines():
        name, version = line.split()[:2]
        found.add((name, version.removeprefix("v")))
    return found


def checksums(lock):
    found = {}
    for block in lock.split("[[package]]")[1:]:
        fields = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', block, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def component(package, kind, scope, checksum):
    name, version = package["name"], package["version"]
    purl = f"pkg:cargo/{name}@{version}"
    made = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if scope:
        made["scope"] = scope
    if package["description"]:
        made["description"] = " ".join(package["description"].split())
    if package["license"]:
        # Old crates write MIT/Apache-2.0, which is no SPDX expression.
        made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def npm_packages(folder):
    """What went into the web client, as its build has written down; nothing if the hub is built without it."""
    path = os.path.join(folder, "web", "dist", "packages.json")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        packages = json.load(file)
    made = []
    for package in packages:
        # A scope's @ is part of the name, and must not look like that before the version.
        purl = f"pkg:npm/{package['name'].replace('@', '%40')}@{package['version']}"
        algorithm, digest = package["integrity"].split("-", 1)
        hashes = [{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}]
        licenses = [{"expression": package["license"]}]
        made.append({"type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl,
                     "scope": "required", "licenses": licenses, "hashes": hashes})
    return made


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else ""
    if not target:
        rustc = subprocess.run([os.environ.get("RUSTC", "rustc"), "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
        target = re.search(r"^host: (.*)$", rustc, re.M).group(1)
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    with open(os.path.join(metadata["workspace_root"], "Cargo.lock"), encoding="utf-8") as file:
        lock = file.read()
    sums = checksums(lock)
    linked = crates(target, "normal,no-proc-macro")
    built = crates(target, "normal,build")
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    unknown = (linked | built) - packages.keys()
    if unknown:
        sys.exit(f"Cargo builds what its metadata does not know: {sorted(unknown)}")

    hub = next(p for p in packages.values() if p["name"] == "hubbub")
    key_of = {p["id"]: (p["name"], p["version"]) for p in packages.values()}
    components, dependencies = [], []
    for key in sorted(linked | built):
        kind = "application" if key[0] == "hubbub" else "library"
        components.append(component(packages[key], kind, "required" if key in linked else "excluded", sums.get(key)))
    for node in metadata["resolve"]["nodes"]:
        key = key_of[node["id"]]
        if key not in linked | built:
            continue
        needs = {
            key_of[dep["pkg"]]
            for dep in node["deps"]
            if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
        }
        refs = sorted(f"pkg:cargo/{name}@{version}" for name, version in needs & (linked | built))
        dependencies.append({"ref": f"pkg:cargo/{key[0]}@{key[1]}", "dependsOn": refs})

    for made in npm_packages(metadata["workspace_root"]):
        components.append(made)
        dependencies.append({"ref": made["bom-ref"], "dependsOn": []})

    # The same lock file gives the same document: its number comes from the contents, its date from whoever builds reproducibly.
    now = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    digest = hashlib.sha256((target + lock).encode()).hexdigest()
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(digest[:32], version=4)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            "component": component(hub, "application", None, None) | {"bom-ref": "hubbub"},
            "properties": [{"name": "rust:target", "value": target}, {"name": "rust:compiler", "value": cargo("--version").strip()}],
        },
        "components": components,
        "dependencies": dependencies,
    }
    json.dump(bom, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
