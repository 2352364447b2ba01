"""The part of the Kubernetes API that kubectl needs for the commands of the manual, on a free port of
127.0.0.1. It stores objects; of containers it only runs what `kubectl exec` asks for, on this machine.

    api_server.py VERSION PORTHOLE

As a real server it refuses what the schemas of this version of Kubernetes do not allow, unknown
fields included, and a change to a debug container that a pod already has. PORTHOLE is the binary
that runs for `porthole`, and for `tar`. It prints its port, and ends with its standard input.
"""

import base64
import hashlib
import http.server
import json
import os
import struct
import subprocess
import sys
import threading
import urllib.parse

import kubernetes_validate

VERSION, PORTHOLE = sys.argv[1:]
# The resources of each group: the plural, the kind, its short names, and what can be done.
GROUPS = {
    "/api/v1": [
        ("pods", "Pod", ["po"], ["create", "get", "list"]),
        ("pods/ephemeralcontainers", "Pod", [], ["get", "patch"]),
        ("pods/exec", "PodExecOptions", [], ["create", "get"]),
        ("pods/log", "Pod", [], ["get"]),
    ],
    "/apis/apps/v1": [("deployments", "Deployment", ["deploy"], ["create", "get", "list"])],
}
POD = "/api/v1/namespaces/default/pods/"
# The channels of a WebSocket that executes a command: v5.channel.k8s.io.
STDOUT, STDERR, RESULT = 1, 2, 3
BINARY, CLOSE = 0x82, 0x88
CHUNK = 16384

lock = threading.Lock()
objects = {}


class Refused(Exception):
    """An answer that is an error: its status code, its reason and its message."""


def failure(reason, message):
    kind = {"apiVersion": "v1", "kind": "Status", "metadata": {}}
    return {**kind, "status": "Failure", "reason": reason, "message": message}


def validate(found):
    """Refuses an object that the schema of its kind does not allow."""
    try:
        kubernetes_validate.validate(found, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise Refused(400, "BadRequest", f"{list(error.path)}: {error.message}") from error


def discovery(path):
    """Describes this server: its groups, their resources, and that it refuses unknown fields."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        apps = {"groupVersion": "apps/v1", "version": "v1"}
        group = {"name": "apps", "versions": [apps], "preferredVersion": apps}
        return {"kind": "APIGroupList", "groups": [group]}
    if path in GROUPS:
        of_all = {"singularName": "", "namespaced": True}
        resources = [
            {**of_all, "name": name, "kind": kind, "shortNames": short, "verbs": verbs}
            for name, kind, short, verbs in GROUPS[path]
        ]
        return {"kind": "APIResourceList", "groupVersion": path.split("/", 2)[2], "resources": resources}
    if path == "/openapi/v3":
        return {"paths": {group[1:]: {"serverRelativeURL": path + group} for group in GROUPS}}
    return openapi(path.removeprefix("/openapi/v3"))


def openapi(group):
    """Says that a request may ask for unknown fields to be refused: kubectl leaves it to the server."""
    if group not in GROUPS:
        return None
    *_, name, version = ["", *group.split("/")[2:]]
    field = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    paths = {}
    for plural, kind, *_ in GROUPS[group]:
        of_kind = {"group": name, "kind": kind, "version": version}
        change = {"parameters": [field], "x-kubernetes-group-version-kind": of_kind}
        paths[f"{group}/namespaces/{{namespace}}/{plural}/{{name}}"] = {"patch": change}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": VERSION}, "paths": paths}


def create(path, found):
    validate(found)
    objects[f"{path}/{found['metadata']['name']}"] = found
    return found


def debug(path, patch):
    """Adds debug containers to a pod, by a strategic merge patch: with the name of one that the pod has,
    it would change that one."""
    path = path.removesuffix("/ephemeralcontainers")
    before = {one["name"]: one for one in objects[path]["spec"].get("ephemeralContainers", [])}
    added = {one["name"]: one for one in patch["spec"]["ephemeralContainers"]}
    for name in before.keys() & added.keys():
        message = f'existing ephemeral containers "{name}" may not be changed'
        raise Refused(422, "Invalid", message)
    spec = {**objects[path]["spec"], "ephemeralContainers": [*before.values(), *added.values()]}
    changed = {**objects[path], "spec": spec}
    validate(changed)
    objects[path] = changed
    return changed


def listed(path, query):
    """Returns the pods that have these labels."""
    labels = dict(pair.split("=") for pair in query.get("labelSelector", [""])[0].split(",") if pair)
    below = [found for at, found in objects.items() if at.rsplit("/", 1)[0] == path]
    items = [found for found in below if labels.items() <= found["metadata"]["labels"].items()]
    return {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items}


def get(path, query):
    if found := objects.get(path) or discovery(path):
        return found
    if path.endswith("/log"):
        return f"what {query['container'][0]} printed\n"
    return listed(path, query) if path.endswith("/pods") else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, act, *arguments):
        code = 201 if self.command == "POST" else 200
        try:
            with lock:
                found = act(*arguments)
            if found is None:
                raise Refused(404, "NotFound", self.command + " " + self.path)
        except Refused as refused:
            code, reason, message = refused.args
            found = {**failure(reason, message), "code": code}
        is_text = isinstance(found, str)
        body = (found if is_text else json.dumps(found)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read(self):
        """Returns the path, the query and the body of the request."""
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return url.path, urllib.parse.parse_qs(url.query), json.loads(body or "null")

    def do_GET(self):
        path, query, _ = self.read()
        if path.startswith(POD) and path.endswith("/exec"):
            self.execute(query["command"])
        else:
            self.answer(get, path, query)

    def do_POST(self):
        path, _, body = self.read()
        self.answer(create, path, body)

    def do_PATCH(self):
        path, _, body = self.read()
        self.answer(debug, path, body)

    def execute(self, words):
        """Executes a command, and sends what it prints and its exit status over a WebSocket."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.send_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
        self.end_headers()
        self.close_connection = True
        if os.path.basename(words[0]) not in ("porthole", "tar"):
            result = failure("InternalError", f'exec: "{words[0]}": executable file not found in $PATH')
        else:
            no_input = subprocess.DEVNULL
            run = subprocess.run(words, executable=PORTHOLE, stdin=no_input, capture_output=True)
            for channel, data in ((STDOUT, run.stdout), (STDERR, run.stderr)):
                for at in range(0, len(data), CHUNK):
                    self.frame(BINARY, bytes([channel]) + data[at : at + CHUNK])
            result = failure("NonZeroExitCode", "it failed")
            result["details"] = {"causes": [{"reason": "ExitCode", "message": str(run.returncode)}]}
            if run.returncode == 0:
                result = {"metadata": {}, "status": "Success"}
        self.frame(BINARY, bytes([RESULT]) + json.dumps(result).encode())
        self.frame(CLOSE, struct.pack(">H", 1000))

    def frame(self, kind, data):
        size = bytes([len(data)]) if len(data) < 126 else struct.pack(">BH", 126, len(data))
        self.wfile.write(bytes([kind]) + size + data)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
