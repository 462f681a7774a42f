"""Rules for every pod: Pod Security `restricted` and what it leaves open. Each function yields faults."""

import re

import manifests

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|KEY_ID$|DATABASE_URL|REDIS_URL|CREDENTIAL")
SECRET_VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@|BEGIN [A-Z ]*PRIVATE KEY")


def containers(template):
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from template["spec"].get(kind, [])


def restricted(template, host_network=False):
    spec = template["spec"]
    for key in ("hostPID", "hostIPC", "hostNetwork", "shareProcessNamespace"):
        if spec.get(key) and not (key == "hostNetwork" and host_network):
            yield f"{key} is set"
    pod = spec.get("securityContext", {})
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']} is a {', '.join(sorted(kinds - VOLUMES))}"
    for container in containers(template):
        name, own = container["name"], container.get("securityContext", {})
        both = pod | own
        if both.get("runAsNonRoot") is not True:
            yield f"{name}: runAsNonRoot is not true"
        if not both.get("runAsUser"):
            yield f"{name}: runAsUser is root or not set"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name}: seccompProfile is not RuntimeDefault"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation is not false"
        if own.get("privileged"):
            yield f"{name}: privileged"
        capabilities = own.get("capabilities", {})
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield f"{name}: capabilities are not all dropped"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{name}: hostPort"


def beyond(template):
    spec = template["spec"]
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    if spec.get("enableServiceLinks") is not False:
        yield "enableServiceLinks is not false"
    for container in containers(template):
        name, resources = container["name"], container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{name}: readOnlyRootFilesystem is not true"
        if "cpu" in limits:
            yield f"{name}: a CPU limit"
        for where, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if what not in resources.get(where, {}):
                yield f"{name}: no resources.{where}.{what}"
        if is_hubbub(container) and requests.get("memory") != limits.get("memory"):
            yield f"{name}: memory asked for and limited differ"
        if not re.search(r"[:@]", container["image"].rsplit("/", 1)[-1]) or container["image"].endswith(":latest"):
            yield f"{name}: the image {container['image']} says no version"


def is_hubbub(container):
    return re.search(r"(^|/)hubbub([:@]|$)", container["image"]) is not None


def inline_secrets(documents):
    """Nothing secret stands in the manifests themselves."""
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        if document["kind"] == "Secret":
            yield f"{name}: a Secret in the manifests"
        if document["kind"] == "ConfigMap":
            for key, value in document.get("data", {}).items():
                if SECRET_NAME.search(key) or SECRET_VALUE.search(value):
                    yield f"{name}: {key} is a secret"
    for workload, template in manifests.pods(documents):
        for container in containers(template):
            for entry in container.get("env", []):
                if "value" in entry and (SECRET_NAME.search(entry["name"]) or SECRET_VALUE.search(entry["value"])):
                    yield f"{workload['kind']} {workload['metadata']['name']}: {entry['name']} is a secret with its value"
