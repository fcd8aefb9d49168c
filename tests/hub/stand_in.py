"""A stand-in of the hub's HTTP interface on this machine: what huggingface_hub calls, and no more.

Files that end in .safetensors, .npy or .png go through git-lfs, as on the hub: uploaded to another
address, and downloaded by a redirect to it.
"""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

LARGE = (".safetensors", ".npy", ".png")
TOKEN = "hf_standin"


class Hub:
    """All repositories, and what happened.

    Attributes:
        repositories: name → {"private": …, "versions": {commit: {file: bytes}}}, oldest first.
        calls: "METHOD path" of every request, in order.
        tokens: what each of them brought.
        sizes: by file, what the hub says of its size instead of the truth.
        served: by file, what a download gives instead of the content.
    """

    def __init__(self):
        self.repositories, self.calls, self.tokens = {}, [], []
        self.sizes, self.served, self.large = {}, {}, {}
        self.status = None  # answered to everything, if set
        self.address = ""

    def put(self, name, files, private=False):
        """A version of a repository, made without a push."""
        commit = self._add(self._make(name, private), files)
        return commit

    def files(self, name):
        return list(self.repositories[name]["versions"].values())[-1]

    def fetched(self):
        """Names of the files that were downloaded."""
        return [call.rpartition("/")[2] for call in self.calls if "/resolve/" in call]

    def _make(self, name, private):
        return self.repositories.setdefault(name, {"private": private, "versions": {}})

    def _add(self, repository, files):
        versions = repository["versions"]
        told = repr((sorted(files.items()), len(versions))).encode()
        commit = hashlib.sha1(told).hexdigest()
        versions[commit] = {".gitattributes": b"*.safetensors filter=lfs", **files}
        return commit

    # ---------------------------------------------------------------- what each address answers

    def create(self, body):
        name = f"{body['organization']}/{body['name']}"
        if name in self.repositories:
            return 409, {"error": "there is one"}
        self._add(self._make(name, body.get("visibility") == "private"), {})
        return 200, {"url": f"{self.address}/{name}", "name": name}

    def check_card(self, body):
        parts = body["content"].split("---\n")
        values = yaml.safe_load(parts[1]) if body["content"].startswith("---\n") else {}
        if not values:
            return 200, {"errors": [], "warnings": [{"message": "empty metadata"}]}
        if not isinstance(values.get("tags"), list):
            return 400, {"errors": [{"message": "tags are a list"}], "warnings": []}
        return 200, {"errors": [], "warnings": []}

    def info(self, name, revision):
        commit, files = self._version(name, revision)
        siblings = [
            {"rfilename": file, "size": self.sizes.get(file, len(content)), "blobId": "0" * 40}
            for file, content in files.items()
        ]
        private = self.repositories[name]["private"]
        return 200, {"id": name, "sha": commit, "private": private, "siblings": siblings}

    def preupload(self, body):
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for file in body["files"]
        ]
        return 200, {"files": modes}

    def batch(self, body):
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.address}/lfs/{one['oid']}"}}}
            for one in body["objects"]
        ]
        return 200, {"transfer": "basic", "objects": objects}

    def commit(self, name, lines):
        repository = self.repositories[name]
        parent, files = self._version(name, "main")
        files = dict(files)
        for line in lines:
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit", parent) != parent:
                return 412, {"error": "another commit came between"}
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        made = self._add(repository, files)
        url = f"{self.address}/{name}/commit/{made}"
        return 200, {"commitUrl": url, "commitOid": made, "pullRequestUrl": None}

    def _version(self, name, revision):
        versions = self.repositories[name]["versions"]
        if revision in (None, "main"):
            return list(versions.items())[-1]
        return revision, versions[revision]

    def handler(hub):  # noqa: N805  (it is the handler that is called self)
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path = unquote(urlsplit(self.path).path)
                hub.calls.append(f"{self.command} {path}")
                hub.tokens.append(self.headers.get("Authorization"))
                if hub.status is not None:
                    return self.say(hub.status, {"error": "no"})
                if found := re.fullmatch("/lfs/([0-9a-f]{64})", path):
                    return self.large(found[1], body)
                return self.of_a_repository(path, body)

            do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

            def large(self, oid, body):
                if self.command == "PUT":
                    assert hashlib.sha256(body).hexdigest() == oid
                    hub.large[oid] = body
                    return self.say(200, {})
                return self.give(hub.large[oid])

            def of_a_repository(self, path, body):
                if path == "/api/validate-yaml":
                    return self.say(*hub.check_card(json.loads(body)))
                mine = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                writes = self.command != "GET"
                if writes and not mine:
                    return self.say(401, {"error": "who are you"})
                if path == "/api/repos/create":
                    return self.say(*hub.create(json.loads(body)))
                name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
                name = name.removesuffix(".git")
                repository = hub.repositories.get(name)
                if repository is None or (repository["private"] and not mine):
                    return self.say(401, {"error": "none"}, {"X-Error-Code": "RepoNotFound"})
                rest = path.partition(name)[2]
                if rest == "/preupload/main":
                    return self.say(*hub.preupload(json.loads(body)))
                if rest == ".git/info/lfs/objects/batch":
                    return self.say(*hub.batch(json.loads(body)))
                if rest == "/commit/main":
                    lines = [json.loads(line) for line in body.splitlines()]
                    return self.say(*hub.commit(name, lines))
                _, kind, *inside = rest.split("/", 3) if rest else ("", "revision")
                revision = inside[0] if inside else None
                if revision not in (None, "main", *repository["versions"]):
                    return self.say(404, {"error": "none"}, {"X-Error-Code": "RevisionNotFound"})
                if kind == "revision":
                    return self.say(*hub.info(name, revision))
                return self.resolve(name, revision, inside[1])

            def resolve(self, name, revision, file):
                commit, files = hub._version(name, revision)
                content = hub.served.get(file, files[file])
                if not file.endswith(LARGE):
                    return self.give(content, {"X-Repo-Commit": commit})
                oid = hashlib.sha256(content).hexdigest()
                hub.large[oid] = content
                # Another host by its name: a token must not travel there.
                other = hub.address.replace("127.0.0.1", "localhost")
                headers = {"X-Repo-Commit": commit, "Location": f"{other}/lfs/{oid}"}
                return self.give(b"", headers, 302)

            def say(self, status, values, headers=None):
                self.give(json.dumps(values).encode(), headers, status)

            def give(self, content, headers=None, status=200):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
                for key, value in (headers or {}).items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        return Handler


@contextmanager
def running():
    """A hub that answers."""
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), hub.handler()) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
