#!/usr/bin/env python3
"""sbom-check.py FILE [COUNT]: fails if it isn't a CycloneDX document that names hubbub, more than COUNT (100) crates and the packages of
the web client, each once, with version, licence and (if it comes from a registry) checksum, and whose dependencies all exist."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    bom = json.load(file)
least = int(sys.argv[2]) if len(sys.argv) > 2 else 100
faults = []
if bom.get("bomFormat") != "CycloneDX" or bom.get("specVersion") != "1.6":
    faults.append("no CycloneDX 1.6")
components = bom.get("components", [])
refs = [c["bom-ref"] for c in components]
known = set(refs)
if len(known) != len(refs):
    faults.append("a component stands twice")
required = [c for c in components if c.get("scope") == "required"]
if len(required) <= least:
    faults.append(f"{len(required)} components in the binary, expected more than {least}")
own = {c["name"] for c in components if c["name"] in ("hubbub", "migrations")}
if own != {"hubbub", "migrations"} or bom["metadata"]["component"]["name"] != "hubbub":
    faults.append("hubbub itself is missing")
for c in components:
    if not c.get("version") or not c.get("licenses"):
        faults.append(f"{c['name']}: no version or licence")
    if c["name"] not in own and not c.get("hashes"):
        faults.append(f"{c['name']}: no checksum")
named = {c["name"] for c in required}
for name in ("axum", "tokio", "socketioxide", "fred", "sqlx-postgres", "rustls", "react", "socket.io-client"):
    if name not in named:
        faults.append(f"{name} is linked in, and not named")
for entry in bom.get("dependencies", []):
    for ref in [entry["ref"], *entry["dependsOn"]]:
        if ref not in known:
            faults.append(f"{ref}: a dependency that is no component")
if faults:
    sys.exit("\n".join(f"{sys.argv[1]}: {fault}" for fault in faults))
print(f"{sys.argv[1]}: {len(required)} crates and packages in the binary, {len(components) - len(required)} that built it")
