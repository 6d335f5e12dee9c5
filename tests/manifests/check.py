"""What schemas and scanners do not see in the manifests.

Usage: check.py BINARY FOLDER, a folder with the overlays as kustomize builds them
"""

# Covers: mesh.kubernetes.

import itertools
import os
import re
import subprocess
import sys

import yaml

GRPC, REST, POSTGRES, SIMULATOR, DNS = 50051, 8080, 5432, 8081, 53
DATABASES = ["user", "article", "order", "payment", "mesh"]


def program(binary, *arguments):
    """Runs the program without any setting; what it says, on whichever stream."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FEIRA_")}
    done = subprocess.run([binary, *arguments], env=env, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


def roles(binary):
    said = program(binary, "serve", "--role", "none-such")
    found = re.search(r"possible values: ([a-z, ]+)", said)
    assert found, said
    return found.group(1).split(", ")


def calls(binary, role):
    """Whom a role calls: without their URLs it does not start, and names them."""
    said = program(binary, "serve", "--role", role)
    callees = set(re.findall(r"--([a-z]+)-url", said))
    # It serves without the mesh role, and calls it where it is.
    return callees | {"mesh"} if role == "gateway" else callees


class Overlay:
    """All objects of one overlay."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.objects = [it for it in yaml.safe_load_all(file) if it]

    def all(self, *kinds):
        return [it for it in self.objects if it["kind"] in kinds]

    def names(self, kind):
        return {it["metadata"]["name"] for it in self.all(kind)}

    def pods(self):
        """Name and template of each workload."""
        return {it["metadata"]["name"]: it["spec"]["template"] for it in self.all("Deployment", "Job")}

    def scheduled(self):
        """Name and template of what runs at its times."""
        return {it["metadata"]["name"]: it["spec"]["jobTemplate"]["spec"]["template"] for it in self.all("CronJob")}

    def may(self, source, target, port):
        """Whether the policies let one pod reach another, as the specification says: where any policy selects a
        pod, something must allow it, at both ends."""
        return self.allowed("Egress", source, target, port) and self.allowed("Ingress", target, source, port)

    def allowed(self, direction, pod, peer, port):
        """How many rules allow it at one end."""
        key, other = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        rules = [
            rule
            for policy in self.all("NetworkPolicy")
            if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], pod)
            for rule in policy["spec"].get(key, [])
        ]
        return sum(opens(rule, other, peer, port) for rule in rules)


def selects(selector, labels):
    """A label selector."""
    operators = {
        "In": lambda value, values: value in values,
        "NotIn": lambda value, values: value not in values,
        "Exists": lambda value, _: value is not None,
        "DoesNotExist": lambda value, _: value is None,
    }
    equal = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return equal and all(
        operators[it["operator"]](labels.get(it["key"]), it.get("values"))
        for it in selector.get("matchExpressions", [])
    )


def opens(rule, other, peer, port):
    """Whether a rule is about this peer (the labels of a pod of this namespace, or the text "anybody") and port."""
    ports = [it["port"] for it in rule.get("ports", [])]
    if ports and port not in ports:
        return False
    if other not in rule:
        return True
    if peer == "anybody":
        return False
    return any("podSelector" in it and "namespaceSelector" not in it and selects(it["podSelector"], peer) for it in rule[other])


def check_roles(overlay, binary):
    """Every role of the program is a Deployment with a Service that finds it, and runs nothing else."""
    expected = set(roles(binary))
    assert overlay.names("Deployment") == expected, overlay.names("Deployment")
    for name, template in overlay.pods().items():
        (container,) = template["spec"]["containers"]
        assert container["args"] == ["serve", "--role", name], container["args"]
        services = [
            it["metadata"]["name"]
            for it in overlay.all("Service")
            if selects({"matchLabels": it["spec"]["selector"]}, template["metadata"]["labels"])
        ]
        assert name in services, f"{name} has no Service: {services}"


def has_certificates(overlay):
    """Whether the roles of an overlay know each other by certificates."""
    return any(it.endswith("-certificate") for it in mounts(overlay.pods()["gateway"]))


def has_servers(overlay):
    """Whether the roles of an overlay have databases on servers."""
    return any(it.endswith("-database") for it in mounts(overlay.pods()["user"]))


def mounts(template):
    return {it["secret"]["secretName"] for it in template["spec"].get("volumes", []) if "secret" in it}


def check_certificates(overlay, binary):
    """Where there are certificates, a pod has its own and nothing that another role is known by, and no proxy is told
    that what it speaks is in the clear."""
    for name, template in overlay.pods().items():
        mounted = {it for it in mounts(template) if it.endswith(("-certificate", "-secret")) or it == "feira-mesh"}
        if not has_certificates(overlay):
            assert mounted <= {"feira-mesh"}, f"{name} sees {mounted}"
            continue
        own = {f"feira-{name}-certificate"} | ({f"feira-{name}-secret"} if name in DATABASES else set())
        assert mounted == own, f"{name} sees {mounted}"
    for service in overlay.all("Service"):
        clear = any(port.get("appProtocol") == "kubernetes.io/h2c" for port in service["spec"]["ports"])
        assert not (clear and has_certificates(overlay)), service["metadata"]["name"]


def check_urls(overlay, binary):
    """Each role that is called is looked for where its Service is, and such a Service tells of all its pods."""
    config = next(it for it in overlay.all("ConfigMap") if it["metadata"]["name"].startswith("feira"))["data"]
    called = set().union(*(calls(binary, role) for role in roles(binary)))
    scheme = "https" if has_certificates(overlay) else "http"
    for role in called:
        assert config[f"FEIRA_{role.upper()}_URL"] == f"{scheme}://{role}:{GRPC}", config
        service = next(it for it in overlay.all("Service") if it["metadata"]["name"] == role)
        assert service["spec"]["clusterIP"] == "None", f"{role}: callers could not spread over its pods"


def check_arrows(overlay, binary):
    """The policies allow the calls that the program makes, and no other way from pod to pod."""
    labels = {name: template["metadata"]["labels"] for name, template in overlay.pods().items()}
    ports = {port for template in overlay.pods().values() for port in declared(template)} | {POSTGRES, 22, 443}
    expected = {(role, callee, GRPC) for role in roles(binary) for callee in calls(binary, role)}
    found = {
        (source, target, port)
        for source, target in itertools.permutations(labels, 2)
        for port in ports
        if overlay.may(labels[source], labels[target], port)
    }
    assert found == expected, f"too much: {found - expected}; missing: {expected - found}"
    for one, other in itertools.product(labels, labels):
        wanted = int((one, other, GRPC) in expected)
        leaves = overlay.allowed("Egress", labels[one], labels[other], GRPC)
        enters = overlay.allowed("Ingress", labels[other], labels[one], GRPC)
        assert (leaves, enters) == (wanted, wanted), f"{one} to {other}: {leaves} rules there, {enters} here"


def check_edges(overlay, binary):
    """From outside only REST can be reached, and the customers' pages where they are; any other pod of the
    namespace reaches nothing and is reached by nobody."""
    labels = {name: template["metadata"]["labels"] for name, template in overlay.pods().items()}
    stranger = {"app.kubernetes.io/name": "stranger"}
    expected = {("gateway", REST)} | ({("payment", SIMULATOR)} if "simulator" in overlay.names("Service") else set())
    open_to_anybody = {
        (name, port)
        for name, template in overlay.pods().items()
        for port in declared(template)
        if overlay.allowed("Ingress", labels[name], "anybody", port)
    }
    assert open_to_anybody == expected, open_to_anybody
    for name in labels:
        assert not overlay.allowed("Egress", stranger, labels[name], GRPC), f"anybody may call {name}"
    for name in [*labels, "stranger"]:
        namespaced = [
            rule
            for policy in overlay.all("NetworkPolicy")
            if selects(policy["spec"]["podSelector"], labels.get(name, stranger))
            for rule in policy["spec"].get("egress", [])
            if DNS in [it.get("port") for it in rule.get("ports", [])]
        ]
        assert len(namespaced) == 1, f"{name} resolves names by {len(namespaced)} rules"


def declared(template):
    return [
        port["containerPort"] for container in template["spec"]["containers"] for port in container.get("ports", [])
    ]


def check_databases(overlay, binary):
    """Where databases are servers, each role is told its own by a Secret of its own, which no other pod sees, may reach it,
    and migrates it before it serves; elsewhere nobody leaves for a database."""
    servers = has_servers(overlay)
    for name, template in overlay.pods().items():
        mounted = {it["secret"]["secretName"] for it in template["spec"].get("volumes", []) if "secret" in it}
        own = {it for it in mounted if it.endswith("-database")}
        wanted = [name] if name in DATABASES and servers else []
        assert own == {f"feira-{role}-database" for role in wanted}, f"{name} sees {own}"
        leaves = [
            rule
            for policy in overlay.all("NetworkPolicy")
            if selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
            for rule in policy["spec"].get("egress", [])
            if POSTGRES in [it.get("port") for it in rule.get("ports", [])]
        ]
        assert bool(leaves) == bool(wanted), f"{name} and databases: {leaves}"
        before = [(it["args"], it["image"]) for it in template["spec"].get("initContainers", [])]
        image = template["spec"]["containers"][0]["image"]
        assert before == [(["migrate", "--role", role], image) for role in wanted], f"{name} does before: {before}"


def check_secrets(overlay, binary):
    """Nothing secret is written down: there is no Secret object, and no setting of a secret has a value."""
    assert not overlay.all("Secret")
    secret = re.compile(r"(SECRET|PASSWORD|KEY|TOKEN|DATABASE_URL)(?!.*_FILE$)")
    for name, template in overlay.pods().items():
        for container in template["spec"]["containers"]:
            for variable in container.get("env", []):
                a_file = variable.get("value", "").startswith("/run/secrets/")
                assert a_file or not secret.search(variable["name"]), f"{name}: {variable['name']} belongs into a file"
    for config in overlay.all("ConfigMap"):
        for variable, value in config["data"].items():
            assert not secret.search(variable) and "@" not in value, f"{variable} belongs into a Secret"
    # The keys to everything are the user service's alone.
    for name, template in overlay.pods().items():
        mounted = {it["secret"]["secretName"] for it in template["spec"].get("volumes", []) if "secret" in it}
        assert ("feira-signing" in mounted, "feira-admin" in mounted) == (name == "user", name == "user"), name


def check_backup(overlay, binary):
    """What makes backups reads its own Secret and no other, reaches the database server, and is reached by nobody."""
    for name, template in overlay.scheduled().items():
        assert mounts(template) == {"feira-backup"}, f"{name} sees {mounts(template)}"
        labels = template["metadata"]["labels"]
        ports = {
            port["port"]
            for policy in overlay.all("NetworkPolicy")
            if selects(policy["spec"]["podSelector"], labels)
            for rule in policy["spec"].get("egress", [])
            for port in rule["ports"]
        }
        assert ports == {DNS, POSTGRES}, f"{name} may reach {ports}"
        enters = [port for port in ports if overlay.allowed("Ingress", labels, "anybody", port)]
        assert not enters, f"{name} is open at {enters}"


def asked(probe, name, by_http):
    """What a probe asks for: whether the process runs, or whether it takes calls. The kubelet speaks no TLS: there it asks
    by HTTP, at the admin listener."""
    if not by_http:
        assert probe["grpc"]["port"] == GRPC and "httpGet" not in probe, probe
        service = probe["grpc"].get("service", "")
        return {"": "alive", f"feira.{name}.v1.{name.capitalize()}Service": "ready"}[service]
    assert "grpc" not in probe and probe["httpGet"].get("scheme", "HTTP") == "HTTP", probe
    assert probe["httpGet"]["port"] == "admin", probe
    return {"/livez": "alive", "/readyz": "ready"}[probe["httpGet"]["path"]]


def check_probes(overlay, binary):
    """The process is alive whatever its database does; it is ready with it."""
    by_http = has_certificates(overlay)
    data = {key: value for config in overlay.all("ConfigMap") for key, value in config["data"].items()}
    for name, template in overlay.pods().items():
        for container in template["spec"]["containers"]:
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
                # The gateway has no database: by gRPC it is ready when it runs.
                ready = probe == "readinessProbe" and (by_http or name != "gateway")
                found = asked(container[probe], name, by_http)
                assert found == ("ready" if ready else "alive"), f"{name}: {probe} asks whether it is {found}"
            if by_http:
                ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                assert data["FEIRA_ADMIN_LISTEN"] == f"0.0.0.0:{ports['admin']}", f"{name}: nobody answers"
            start = container["startupProbe"]
            patience = start["periodSeconds"] * start["failureThreshold"]
            assert patience >= 120, f"{name}: its database may be late, and migrations take their time: {patience} s"
            # Whatever is under way must have ended before the pod is killed.
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            seconds = lambda key, default: int(data.get(key, default).removesuffix("s"))
            ends = seconds("FEIRA_DRAIN_DELAY", "0s") + seconds("FEIRA_DRAIN_TIMEOUT", "25s") + 1
            assert pause + ends < template["spec"]["terminationGracePeriodSeconds"], name


def check_replicas(overlay, binary):
    """Embedded databases have one process each; everything else goes on while a pod is replaced or a node drained."""
    for deployment in overlay.all("Deployment"):
        name, spec = deployment["metadata"]["name"], deployment["spec"]
        scaled = next((it for it in overlay.all("HorizontalPodAutoscaler") if it["metadata"]["name"] == name), None)
        if not has_servers(overlay):
            assert spec["replicas"] == 1, name
            if name != "gateway":
                assert spec["strategy"] == {"type": "Recreate"}, name
            continue
        # A number here and an autoscaler would undo each other's work.
        assert ("replicas" in spec) == (scaled is None), name
        assert (scaled["spec"]["minReplicas"] if scaled else spec["replicas"]) >= 2, name
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}, name
        (budget,) = [it for it in overlay.all("PodDisruptionBudget") if it["metadata"]["name"] == name]
        assert selects(budget["spec"]["selector"], spec["template"]["metadata"]["labels"])
        assert budget["spec"]["maxUnavailable"] == 1


def check_hardening(overlay, binary):
    """All that the restricted profile asks for, and more; the namespace enforces it."""
    (namespace,) = overlay.all("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    accounts = {it["metadata"]["name"]: it for it in overlay.all("ServiceAccount")}
    for name, template in (overlay.pods() | overlay.scheduled()).items():
        spec = template["spec"]
        assert spec["serviceAccountName"] == name and accounts[name]["automountServiceAccountToken"] is False, name
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"], name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= set(container["resources"]), name
            assert re.search(r":[\w.-]+$", container["image"]) and not container["image"].endswith(":latest")


def run(names, things, binary):
    """Runs the checks that a module defines on each named thing; its exit code."""
    checks = [it for name, it in names.items() if name.startswith("check_")]
    failed = 0
    for (name, thing), it in itertools.product(things.items(), checks):
        try:
            it(thing, binary)
        except AssertionError as error:
            failed += 1
            print(f"{name}: {it.__name__} FAILED: {error}\n  {' '.join(it.__doc__.split())}")
    print(f"{len(checks)} checks of {', '.join(things)}; {failed} failed")
    return 1 if failed else 0


def main(binary, folder):
    overlays = {name: Overlay(os.path.join(folder, f"{name}.yaml")) for name in ["development", "production", "everything"]}
    return run(globals(), overlays, binary)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
