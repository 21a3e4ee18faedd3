#!/usr/bin/python3
"""Goal: the compose file and the Kubernetes manifests parse and hold together: every role's flags and configuration are what the program
takes, probes and ports are those that it is told to listen on, services and budgets select pods, the time to stop is longer than that
for leaving, and both of ZooKeeper's directories are on volumes. The health check of the compose file is run against a live server.
Arguments: STELE_BINARY SOURCE_DIR"""

import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

# Where ZooKeeper's image keeps its snapshots and its log of transactions.
ZOOKEEPER_DIRECTORIES = {"/data", "/datalog"}
START_SECONDS = 600


def settings_of(stele, words, environment, home, config=None):
    """What the role would run with; the program itself says so, or refuses."""
    words = [word.replace("$(POD_NAME)", "pod-0") for word in words]
    if "--config" in words:
        path = f"{home}/cell.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        words[words.index("--config") + 1] = path
    done = subprocess.run([stele, "config", "print", *words, "--json"], env={"PATH": "/usr/bin:/bin"} | environment,
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"FAILED: {words}: {done.stderr}")
    return {setting["name"]: setting["value"] for setting in json.loads(done.stdout)["options"]}


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text).group(1))


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def check_compose(stele, file, home):
    compose = yaml.safe_load(file)
    roles = {}
    kept = dict(volume.split(":")[::-1] for volume in compose["services"]["zookeeper"]["volumes"])
    check(set(kept) == ZOOKEEPER_DIRECTORIES and len(set(kept.values())) == 2, f"zookeeper: volumes {kept}")
    for name, service in compose["services"].items():
        check(service["restart"] == ("no" if name == "stele" else "unless-stopped"), f"{name}: restart: {service['restart']}")
        for volume in service.get("volumes", []):
            check(volume.split(":")[0] in compose["volumes"], f"{name}: volume {volume}")
        if service["image"] != "stele" or name == "stele":
            continue
        found = settings_of(stele, service["command"], service["environment"], home)
        roles.setdefault(service["command"][0], []).append(name)
        check(found["advertise"].split(":")[0] == name, f"{name} is told to others as {found['advertise']}")
        check(port_of(found["advertise"]) == port_of(found["listen"]), f"{name}: listens and is told at different ports")
        check(found["locker"].startswith("zk://zookeeper:") and "zookeeper" in service["depends_on"], f"{name}: its ZooKeeper")
        for mapping in service.get("ports", []):
            check(int(mapping.rsplit(":", 1)[1]) in (port_of(found["listen"]), port_of(found["http"])), f"{name}: port {mapping}")
        if service["command"][0] == "tabletserver":
            check(found["id"] == name, f"{name} has the id {found['id']}")
            check(seconds(service["stop_grace_period"]) > int(found["leave-timeout-ms"]) / 1000 + 30, f"{name}: time to stop")
            check(f"/127.0.0.1/{port_of(found['http'])} " in service["healthcheck"]["test"][-1], f"{name}: its health check's port")
            check(service["volumes"] == ["cell:" + os.path.dirname(found["data-dir"])], f"{name}: {service['volumes']}")
    check({role: len(names) for role, names in roles.items()} == {"master": 2, "tabletserver": 3}, roles)
    return compose["services"]["ts-1"]["healthcheck"]["test"]


def check_health_command(stele, test, home):
    check(test[0] == "CMD", test)
    cell = subprocess.Popen([stele, "local", "--data", f"{home}/data", "--rpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ready = cell.stdout.readline()
        port = re.search(r"http=127.0.0.1:(\d+)", ready).group(1)
        command = [word.replace("/7611", f"/{port}") for word in test[1:]]
        check(subprocess.run(command, timeout=60).returncode == 0, "the health check of a server that is well")
    finally:
        cell.kill()
        cell.wait()
    check(subprocess.run(command, timeout=60, stderr=subprocess.DEVNULL).returncode != 0, "the health check of a server that is gone")


def check_kubernetes(stele, files, home):
    objects = {}
    for document in (d for file in files for d in yaml.safe_load_all(file)):
        key = document["kind"], document["metadata"]["name"]
        check(key not in objects, f"{key} twice")
        objects[key] = document
    pods = {name: o["spec"] for (kind, name), o in objects.items() if kind == "StatefulSet"}
    check(set(pods) == {"zookeeper", "stele-master", "stele-tabletserver"}, pods)
    for name, spec in pods.items():
        labels = spec["template"]["metadata"]["labels"]
        check(spec["selector"]["matchLabels"] == labels, f"{name}: selects other pods")
        check(objects["Service", spec["serviceName"]]["spec"]["selector"] == labels, f"{name}: its service selects other pods")
        check(objects["PodDisruptionBudget", name]["spec"]["selector"]["matchLabels"] == labels, f"{name}: its budget")
        [container] = spec["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        served = {port["name"]: port["port"] for port in objects["Service", spec["serviceName"]]["spec"]["ports"]}
        check(ports.items() <= served.items(), f"{name}: ports {ports} and {served}")
        volumes = {v["name"] for v in spec["template"]["spec"].get("volumes", []) + [c["metadata"] for c in spec.get("volumeClaimTemplates", [])]}
        check({mount["name"] for mount in container["volumeMounts"]} == volumes, f"{name}: mounts of {volumes}")
        if name == "zookeeper":
            check(container["env"][0]["value"].count("server.") == spec["replicas"], "ZooKeeper's servers and replicas")
            claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
            kept = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            check(set(kept) == ZOOKEEPER_DIRECTORIES and sorted(kept.values()) == sorted(claims), f"zookeeper: volumes {kept}")
            continue
        found = settings_of(stele, container["args"], {}, home, objects["ConfigMap", "stele"]["data"]["cell.conf"])
        check(f"stele-{container['args'][0]}" == name, f"{name} runs {container['args']}")
        check((port_of(found["listen"]), port_of(found["http"])) == (ports["rpc"], ports["http"]), f"{name}: ports {ports}")
        check(found["advertise"] == f"pod-0.{name}:{ports['rpc']}", f"{name}: told to others as {found['advertise']}")
        check(found["locker"].count("zookeeper-") == pods["zookeeper"]["replicas"], f"{name}: {found['locker']}")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            get = container[probe]["httpGet"]
            check(get["port"] == "http" and get["path"] in ("/healthz", "/readyz"), f"{name}: {probe}")
        for probe in ("startupProbe", "livenessProbe"):
            check(container[probe]["httpGet"]["path"] == "/healthz", f"{name}: {probe}: a server that is not ready is no dead one")
        start = container["startupProbe"]
        check(start["failureThreshold"] * start.get("periodSeconds", 10) >= START_SECONDS, f"{name}: time to start")
        check(spec["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(ports["http"]), f"{name}: its scraped port")
    servers = pods["stele-tabletserver"]["template"]["spec"]
    check(servers["terminationGracePeriodSeconds"] > int(found["leave-timeout-ms"]) / 1000 + 30, "time to stop")
    [container] = servers["containers"]
    check(found["data-dir"].startswith(container["volumeMounts"][1]["mountPath"] + "/"), "the cell's directory is not on its volume")
    check(int(found["memory-limit"].rstrip("g")) < int(container["resources"]["limits"]["memory"].rstrip("Gi")), "memory")
    claim = servers["volumes"][1]["persistentVolumeClaim"]["claimName"]
    check(objects["PersistentVolumeClaim", claim]["spec"]["accessModes"] == ["ReadWriteMany"], "the volume is not shared")


def main():
    stele, deploy = os.path.realpath(sys.argv[1]), sys.argv[2] + "/deploy"
    read = lambda path: open(f"{deploy}/{path}", encoding="utf-8").read()
    with tempfile.TemporaryDirectory(prefix="stele-manifests-") as home:
        check_health_command(stele, check_compose(stele, read("compose/compose.yml"), home), home)
        check_kubernetes(stele, [read("kubernetes/zookeeper.yaml"), read("kubernetes/stele.yaml")], home)
    print("manifests_test: passed")


if __name__ == "__main__":
    main()
