"""A kubelet's part of CRI, https://github.com/kubernetes/cri-api, version v1: it runs a pod's
containers in a container runtime, and executes commands in them as exec probes.

    cri.py SOCKET < POD.json

reads a pod of the Kubernetes API, and below "steps" what to do with it; it prints a JSON document
with the result of each step. Only the messages and fields that this needs are written down here, by
their numbers.
"""

import json
import re
import sys
import uuid

import grpc

SERVICE = "/runtime.v1.RuntimeService/"
NETWORK_OF_NODE = 2
PIDS_OF_POD, PIDS_OF_CONTAINER, PIDS_OF_TARGET = 0, 1, 3


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

    def image_uid(self, image):
        """Returns the user of an image, as far as CRI tells it: without the group."""
        spec = encode([(1, image)])
        answer = self.call("ImageStatus", [(1, spec)], "/runtime.v1.ImageService/")
        found = decode(answer.get(1, b""))
        return decode(found[5]).get(1, 0) if 5 in found else None


def expanded(text, variables):
    """Replaces $(NAME), where $$ is a $: "Define dependent environment variables" in Kubernetes."""
    name = lambda found: found[0][1:] if found[0][1] == "$" else variables.get(found[1], found[0])
    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", name, text)


class Pod:
    def __init__(self, runtime, pod):
        self.runtime, self.spec, self.containers = runtime, pod["spec"], {}
        name = "pod-" + uuid.uuid4().hex[:8]
        pids = PIDS_OF_POD if self.spec.get("shareProcessNamespace") else PIDS_OF_CONTAINER
        self.options = encode([(1, NETWORK_OF_NODE), (2, pids)])
        metadata = encode([(1, name), (2, name), (3, "default")])
        linux = encode([(2, encode([(1, self.options)]))])
        self.config = encode([(1, metadata), (3, "/tmp/" + name), (8, linux)])
        self.sandbox = runtime.call("RunPodSandbox", [(1, self.config)])[1].decode()

    def security(self, container, target):
        """Returns the security context, and the user that it results in."""
        given = {**self.spec.get("securityContext", {}), **container.get("securityContext", {})}
        user = given.get("runAsUser")
        if user is None:
            user = self.runtime.image_uid(container["image"])
        if given.get("runAsNonRoot") and not user:
            raise SystemExit(container["name"] + " would run as root")
        wrapped = lambda value: None if value is None else encode([(1, value)])
        capabilities = given.get("capabilities", {})
        add = [(1, name) for name in capabilities.get("add", [])]
        drop = [(2, name) for name in capabilities.get("drop", [])]
        options = self.options
        if target:
            options = encode([(1, NETWORK_OF_NODE), (2, PIDS_OF_TARGET), (4, self.containers[target])])
        return encode(
            [
                (1, encode(add + drop)),
                (3, options),
                (5, wrapped(user)),
                (7, given.get("readOnlyRootFilesystem", False)),
                (11, not given.get("allowPrivilegeEscalation", True)),
                (12, wrapped(given.get("runAsGroup"))),
            ]
        )

    def start(self, container, target=None):
        variables = {one["name"]: one["value"] for one in container.get("env", [])}
        words = lambda key: [expanded(word, variables) for word in container.get(key, [])]
        name = container["name"]
        fields = [(1, encode([(1, name)])), (2, encode([(1, container["image"])]))]
        fields += [(3, word) for word in words("command")] + [(4, word) for word in words("args")]
        fields += [(6, encode([(1, key), (2, value)])) for key, value in variables.items()]
        fields += [(11, name + ".log"), (15, encode([(2, self.security(container, target))]))]
        ask = [(1, self.sandbox), (2, encode(fields)), (3, self.config)]
        self.containers[name] = self.runtime.call("CreateContainer", ask)[1].decode()
        self.runtime.call("StartContainer", [(1, self.containers[name])])

    def execute(self, name, command, limit):
        ask = [(1, self.containers[name])] + [(2, word) for word in command] + [(3, limit)]
        try:
            answer = self.runtime.call("ExecSync", ask)
        except grpc.RpcError as error:
            return {"error": error.code().name, "output": error.details()}
        output = answer.get(1, b"") + answer.get(2, b"")
        return {"status": answer.get(3, 0), "output": output.decode()}

    def remove(self):
        self.runtime.call("StopPodSandbox", [(1, self.sandbox)])
        self.runtime.call("RemovePodSandbox", [(1, self.sandbox)])


def main():
    runtime = Runtime(sys.argv[1])
    document = json.load(sys.stdin)
    pod = Pod(runtime, document)
    try:
        for container in document["spec"]["containers"]:
            pod.start(container)
        results = []
        for step in document["steps"]:
            if "debug" in step:
                pod.start(step["debug"], step["target"])
            else:
                name = step["container"]
                given = next((one for one in document["spec"]["containers"] if one["name"] == name), {})
                variables = {one["name"]: one["value"] for one in given.get("env", [])}
                command = [expanded(word, variables) for word in step["command"]]
                results.append(pod.execute(name, command, step.get("timeoutSeconds", 1)))
        print(json.dumps(results))
    finally:
        pod.remove()


main()
