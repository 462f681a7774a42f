"""checkov_check.py CHECKOV RENDERED-FOLDER: runs checkov on the overlays. What it finds must be what is accepted below, to the letter: more is
a fault, and less means that a line here is not needed any longer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import manifests

EVERYWHERE = ("dev", "podman", "production")
# Check -> (overlays, why we know better).
ACCEPTED = {
    "CKV_K8S_11": (EVERYWHERE, "a CPU limit stops a busy node for tenths of a second and cuts its clients; requests share the machine"),
    "CKV_K8S_35": (EVERYWHERE, "hubbub reads secrets from its environment; nothing else runs in the container that could look there"),
    "CKV_K8S_15": (("dev", "podman"), "an image that was built on the machine is in no registry; production names it by digest"),
    "CKV_K8S_43": (("dev", "podman"), "locally built images and those for trying are named by tag"),
    "CKV_K8S_40": (("dev",), "PostgreSQL's and Redis's images have 999 for their user, and own their files"),
    "CKV_K8S_21": (("podman",), "podman has no namespaces"),
    "CKV_K8S_8": (("podman",), "podman 4.3 cannot probe a container without curl"),
    "CKV_K8S_9": (("podman",), "podman 4.3 ignores readiness"),
    "CKV_K8S_19": (("podman",), "all load stays on the machine's loopback this way"),
}


def main():
    checkov, folder = sys.argv[1], Path(sys.argv[2])
    command = [checkov, "--directory", str(folder), "--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--output", "json"]
    # Nothing is to be asked of the network, nor told to it.
    environment = os.environ | {"CKV_IGNORE_HIDDEN_DIRECTORIES": "false", "BC_SKIP_MAPPING": "true"}
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, timeout=300)
    if ran.returncode not in (0, 1):
        sys.exit(f"checkov ended with {ran.returncode}: {ran.stderr[-2000:]}")
    report = json.loads(ran.stdout)
    if report["summary"]["parsing_errors"] or report["summary"]["passed"] < 500:
        sys.exit(f"checkov did not look at everything: {report['summary']}")
    found, faults = set(), []
    for failed in report["results"]["failed_checks"]:
        overlay = Path(failed["file_path"]).stem
        found.add((failed["check_id"], overlay))
        if overlay not in ACCEPTED.get(failed["check_id"], ((), ""))[0]:
            faults.append(f"{overlay}: {failed['resource']}: {failed['check_id']} {failed['check_name']}")
    for check, (overlays, _) in ACCEPTED.items():
        faults += [f"{check} is accepted in {overlay} and not found there any longer" for overlay in overlays if (check, overlay) not in found]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{report['summary']['passed']} checks of checkov passed in {len(manifests.OVERLAYS)} overlays, {len(ACCEPTED)} kinds of finding are accepted")


if __name__ == "__main__":
    main()
