"""schemas.py RENDERED-FOLDER: each overlay, and each whole object in docs/kubernetes.md, against the schemas of the oldest and the
newest supported Kubernetes, where an unknown field is a fault, and custom resources against those of their projects."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

import manifests

# Google publishes no schemas of these. They stand in docs/load-balancers.md only, as what it is: not run here.
WITHOUT_SCHEMA = ("networking.gke.io/v1",)
CORE = ("v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1")


def core_faults(document, versions=manifests.VERSIONS):
    for version in versions:
        try:
            # It takes the nearest older schemas when it has none of that version.
            took = kubernetes_validate.validate(document, version, strict=True)
            if took != version:
                yield f"no schemas of Kubernetes {version}"
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(part) for part in error.path)
            yield f"Kubernetes {version}: {place}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"Kubernetes {version}: {error.message}"


def crd_faults(pairs):
    """pairs: (where, object)."""
    if not pairs:
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([{"where": where, "object": document} for where, document in pairs], file)
        file.flush()
        checked = subprocess.run(
            ["node", str(Path(os.environ["CRD_PACKAGES"], "crds.mjs")), file.name], stdout=subprocess.PIPE, text=True, timeout=120
        )
    found = checked.stdout.splitlines()
    if checked.returncode != 0 and not found:
        found = [f"crds.mjs ended with {checked.returncode}"]
    return found


def faults(documents, where):
    found, custom = [], []
    for document in documents:
        if document["apiVersion"] in CORE:
            name = f"{where}: {document['kind']} {document['metadata']['name']}"
            found += [f"{name}: {fault}" for fault in core_faults(document)]
        else:
            custom.append((where, document))
    return found + crd_faults(custom)


def documented(path):
    """The examples in a document: all must be YAML, and those that are whole objects are checked as such."""
    found, objects = [], []
    for line, text in manifests.blocks(path):
        where = f"{path.relative_to(manifests.ROOT)}:{line}"
        try:
            documents = [document for document in yaml.safe_load_all(text) if document]
        except yaml.YAMLError as error:
            found.append(f"{where}: {error}")
            continue
        whole = [document for document in documents if isinstance(document, dict) and "kind" in document]
        objects += [(where, document) for document in whole if document["apiVersion"] not in WITHOUT_SCHEMA]
    return found, objects


def main():
    folder = Path(sys.argv[1])
    found, counted = [], 0
    for overlay in manifests.OVERLAYS:
        documents = [d for d in yaml.safe_load_all((folder / f"{overlay}.yaml").read_text(encoding="utf-8")) if d]
        counted += len(documents)
        found += faults(documents, overlay)
    examples = 0
    for path in sorted((manifests.ROOT / "docs").glob("*.md")):
        broken, objects = documented(path)
        found += broken
        examples += len(objects)
        for where, document in objects:
            found += faults([document], where)
    if found:
        sys.exit("\n".join(found))
    print(f"{counted} objects and {examples} examples in docs/ fit Kubernetes {' and '.join(manifests.VERSIONS)}, and their projects' schemas")


if __name__ == "__main__":
    main()
