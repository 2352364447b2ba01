"""A kubelet's part of CRI, https://github.com/kubernetes/cri-api, version v1: it runs a pod's
containers in a container runtime, and executes commands in them as exec probes.

    cri.py SOCKET < POD.json

reads the "spec" of a pod of the Kubernetes API, and "steps": commands to execute in its containers,
and debug containers. It prints a JSON array with the result of each step. Logs and volumes are
beside the socket. Only the messages and fields that this needs are written down here, by their
numbers.
"""

import contextlib
import json
import os
import re
import sys
import time
import uuid

import grpc

SERVICE = "/runtime.v1.RuntimeService/"
NETWORK_OF_NODE = 2
PIDS_OF_POD, PIDS_OF_CONTAINER, PIDS_OF_TARGET = 0, 1, 3
SECCOMP_DEFAULT, SECCOMP_UNCONFINED = 0, 1
EXITED = 2
# What the kubelet hides of /proc and /sys, or write-protects: pkg/securitycontext of Kubernetes.
MASKED = """/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug
    /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware""".split()
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
# How long a container that ends by itself may run, in seconds.
LIMIT = 60


def encode(fields):
    """Encodes a message: pairs of a field's number and its value, of which None is left out."""
    out = bytearray()
    for number, value in fields:
        if value is None:
            continue
        if isinstance(value, (int, bool)):
            out += varint(number << 3) + varint(int(value))
        else:
            content = value.encode() if isinstance(value, str) else bytes(value)
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return bytes(out)


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data):
    """Decodes a message: for each number its last value, a number or bytes."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            fields[key >> 3] = number()
        else:
            length = number()
            fields[key >> 3] = data[at : at + length]
            at += length
    return fields


class Runtime:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix://" + socket)

    def call(self, method, fields, service=SERVICE, limit=60):
        ask = self.channel.unary_unary(service + method)
        return decode(ask(encode(fields), timeout=limit))

    def image_user(self, image):
        """Returns the user of an image, as far as CRI tells it: without the group."""
        spec = encode([(1, image)])
        answer = self.call("ImageStatus", [(1, spec)], "/runtime.v1.ImageService/")
        found = decode(answer.get(1, b""))
        if found.get(6):
            raise SystemExit(image + ": the user is not a number, " + found[6].decode())
        return decode(found[5]).get(1, 0) if 5 in found else 0


def expanded(text, variables):
    """Replaces $(NAME), where $$ is a $: "Define dependent environment variables" in Kubernetes."""
    name = lambda found: found[0][1:] if found[0][1] == "$" else variables.get(found[1], found[0])
    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", name, text)


def environment(container):
    """Returns the variables of a container; each may refer to those before it."""
    variables = {}
    for one in container.get("env", []):
        variables[one["name"]] = expanded(one["value"], variables)
    return variables


def size(text):
    """Returns the bytes of a quantity such as 64Mi; None remains None."""
    return text and int(text.removesuffix("Mi")) << 20


def boxed(value):
    """Encodes an Int64Value, whose 0 differs from None."""
    return None if value is None else encode([(1, value)])


class Pod:
    """A pod, on the network of this machine."""

    def __init__(self, runtime, spec, folder):
        self.runtime, self.spec, self.folder, self.containers = runtime, spec, folder, {}
        self.name = "pod-" + uuid.uuid4().hex[:8]
        self.sandbox = runtime.call("RunPodSandbox", [(1, self.config())])[1].decode()

    def config(self, privileged=False):
        metadata = encode([(1, self.name), (2, self.name), (3, "default")])
        security = encode([(1, self.namespaces()), (6, privileged)])
        logs = os.path.join(self.folder, self.name)
        linux = encode([(1, "/" + self.name), (2, security)])
        return encode([(1, metadata), (3, logs), (8, linux)])

    def namespaces(self, target=None):
        if target:
            pids = PIDS_OF_TARGET
        else:
            pids = PIDS_OF_POD if self.spec.get("shareProcessNamespace") else PIDS_OF_CONTAINER
        return encode([(1, NETWORK_OF_NODE), (2, pids), (4, self.containers.get(target))])

    def security(self, container, target):
        given = {**self.spec.get("securityContext", {}), **container.get("securityContext", {})}
        user = given.get("runAsUser")
        if user is None:
            user = self.runtime.image_user(container["image"])
        if given.get("runAsNonRoot") and not user:
            raise SystemExit(container["name"] + " would run as root")
        capabilities = given.get("capabilities", {})
        add = [(1, name) for name in capabilities.get("add", [])]
        drop = [(2, name) for name in capabilities.get("drop", [])]
        seccomp = given.get("seccompProfile", {}).get("type", "Unconfined")
        profile = {"RuntimeDefault": SECCOMP_DEFAULT, "Unconfined": SECCOMP_UNCONFINED}[seccomp]
        fields = [
            (1, encode(add + drop)),
            (2, given.get("privileged", False)),
            (3, self.namespaces(target)),
            (5, boxed(user)),
            (7, given.get("readOnlyRootFilesystem", False)),
            (11, not given.get("allowPrivilegeEscalation", True)),
            (12, boxed(given.get("runAsGroup"))),
            (15, encode([(1, profile)])),
        ]
        if not given.get("privileged"):
            fields += [(13, path) for path in MASKED] + [(14, path) for path in READ_ONLY]
        return encode(fields)

    def mounts(self, container):
        """Returns the mounts of a container; every volume is an emptyDir."""
        for mount in container.get("volumeMounts", []):
            volume = os.path.join(self.folder, self.name + "-volumes", mount["name"])
            if not os.path.exists(volume):
                os.makedirs(volume)
                os.chmod(volume, 0o777)
            yield encode([(1, mount["mountPath"]), (2, volume), (3, mount.get("readOnly", False))])

    def start(self, container, target=None):
        variables = environment(container)
        words = lambda key: [expanded(word, variables) for word in container.get(key, [])]
        name = container["name"]
        memory = size(container.get("resources", {}).get("limits", {}).get("memory"))
        linux = encode([(1, encode([(4, memory)])), (2, self.security(container, target))])
        fields = [(1, encode([(1, name)])), (2, encode([(1, container["image"])]))]
        fields += [(3, word) for word in words("command")] + [(4, word) for word in words("args")]
        fields += [(6, encode([(1, key), (2, value)])) for key, value in variables.items()]
        fields += [(7, mount) for mount in self.mounts(container)]
        fields += [(11, name + ".log"), (15, linux)]
        # A container is only privileged in a pod that is, as it becomes by such a debug container.
        config = self.config(container.get("securityContext", {}).get("privileged", False))
        ask = [(1, self.sandbox), (2, encode(fields)), (3, config)]
        self.containers[name] = self.runtime.call("CreateContainer", ask)[1].decode()
        self.runtime.call("StartContainer", [(1, self.containers[name])])

    def finish(self, container, target=None):
        """Runs a container that ends by itself; returns its exit status and output."""
        self.start(container, target)
        end = time.monotonic() + LIMIT
        while True:
            answer = self.runtime.call("ContainerStatus", [(1, self.containers[container["name"]])])
            status = decode(answer[1])
            if status.get(3) == EXITED:
                break
            if time.monotonic() > end:
                raise SystemExit(container["name"] + " did not end")
            time.sleep(0.02)
        # Each line has a time, a stream and a tag before it.
        with open(os.path.join(self.folder, self.name, container["name"] + ".log")) as log:
            output = "".join(line.split(" ", 3)[3] for line in log)
        return {"status": status.get(7, 0), "output": output}

    def execute(self, name, command, limit):
        """Executes a probe's command. Only literal values of variables are inserted into it."""
        given = next((one for one in self.spec["containers"] if one["name"] == name), {})
        literal = {one["name"]: one["value"] for one in given.get("env", [])}
        words = [(2, expanded(word, literal)) for word in command]
        try:
            answer = self.runtime.call("ExecSync", [(1, self.containers[name]), *words, (3, limit)])
        except grpc.RpcError as error:
            return {"error": error.code().name, "output": error.details()}
        output = answer.get(1, b"") + answer.get(2, b"")
        return {"status": answer.get(3, 0), "output": output.decode()}

    def step(self, step):
        if "debug" in step:
            # kubectl generates a name for each.
            name = "debugger-" + uuid.uuid4().hex[:5]
            return self.finish({**step["debug"], "name": name}, step["target"])
        return self.execute(step["container"], step["command"], step.get("timeoutSeconds", 1))

    def remove(self):
        self.runtime.call("StopPodSandbox", [(1, self.sandbox)])
        self.runtime.call("RemovePodSandbox", [(1, self.sandbox)])
        # The control group of a pod is the kubelet's: with version 1, one a controller.
        root = "/sys/fs/cgroup"
        for hierarchy in ["", *os.listdir(root)]:
            group = os.path.join(root, hierarchy, self.name)
            with contextlib.suppress(OSError):
                os.rmdir(group)


def main():
    document = json.load(sys.stdin)
    pod = Pod(Runtime(sys.argv[1]), document["spec"], os.path.dirname(sys.argv[1]))
    try:
        for container in document["spec"].get("initContainers", []):
            result = pod.finish(container)
            if result["status"] != 0:
                raise SystemExit(container["name"] + ": " + result["output"])
        for container in document["spec"]["containers"]:
            pod.start(container)
        print(json.dumps([pod.step(step) for step in document["steps"]]))
    finally:
        pod.remove()


main()
