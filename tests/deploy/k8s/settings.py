"""Which environment variables hubbub understands, from config/default.toml, and whether it takes the values in the manifests, by asking it."""

import re
import subprocess
import tomllib

import manifests

# Read by the S3 client and not by hubbub's own configuration.
FOREIGN = re.compile(r"AWS_[A-Z_]+|POD_IP")
# For a configuration that is refused without them; nothing is connected to.
PLACEHOLDERS = {
    "DATABASE_URL": "postgres://hubbub:password@127.0.0.1/hubbub",
    "REDIS_URL": "redis://127.0.0.1:6379",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def known():
    text = (manifests.ROOT / "config/default.toml").read_text(encoding="utf-8")
    names = set()

    def walk(table, path):
        for key, value in table.items():
            name = [*path, key.upper()]
            # A section, or a bucket such as limits.send.
            if isinstance(value, dict):
                walk(value, name)
            else:
                names.add("HUBBUB__" + "__".join(name))

    walk(tomllib.loads(text), [])
    # The short names stand in the comments: `# PORT. 0: any free port` or `# CLIENT_URL, comma-separated`.
    names.update(re.findall(r"^# ([A-Z][A-Z_]+[A-Z])[.,:] ", text, re.M))
    return names


def environment(container, config_maps):
    """Name -> value of a container, as Kubernetes would put it together."""
    result = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            # One that isn't there is somebody else's fault to report.
            result |= config_maps.get(source["configMapRef"]["name"], {})
    for entry in container.get("env", []):
        if "value" in entry:
            result[entry["name"]] = entry["value"]
        elif "secretKeyRef" in entry["valueFrom"]:
            result[entry["name"]] = PLACEHOLDERS.get(entry["name"], "placeholder")
        else:
            result[entry["name"]] = "10.1.2.3"
    for name, value in result.items():
        result[name] = re.sub(r"\$\((\w+)\)", lambda found: result.get(found.group(1), found.group(0)), value)
    return result


def of_overlay(documents):
    """(workload and container, environment) of every container that runs hubbub."""
    config_maps = {c["metadata"]["name"]: c["data"] for c in manifests.kind_of(documents, "ConfigMap")}
    for workload, template in manifests.pods(documents):
        for container in template["spec"]["containers"]:
            if re.search(r"(^|/)hubbub([:@]|$)", container["image"]):
                yield f"{workload['kind']} {workload['metadata']['name']}", environment(container, config_maps)


def name_faults(documents):
    names = known()
    for where, variables in of_overlay(documents):
        for name in sorted(variables):
            if name not in names and not FOREIGN.fullmatch(name):
                yield f"{where}: {name} is no setting of hubbub (config/default.toml)"


def value_faults(documents, binary):
    """`hubbub check-config` with exactly that environment."""
    for where, variables in of_overlay(documents):
        # check-config speaks for `serve`; what only works on the database needs no secret.
        given = {"JWT_SECRET": PLACEHOLDERS["JWT_SECRET"], **variables} if where.startswith("Job ") else variables
        checked = subprocess.run([binary, "check-config"], env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
        if checked.returncode != 0:
            yield f"{where}: hubbub does not take this configuration:\n{checked.stderr.strip()}"
        elif "HUBBUB__DRAIN__SPREAD" in variables:
            # It said yes; did it look? (It writes 60s as 1m.)
            told = re.search(r'^spread = "(\w+)"', checked.stdout, re.M)
            if not told or manifests.seconds(told.group(1)) != manifests.seconds(variables["HUBBUB__DRAIN__SPREAD"]):
                yield f"{where}: check-config does not show HUBBUB__DRAIN__SPREAD"
