"""A browser without a screen, driven through chromedriver's own HTTP interface (W3C WebDriver)."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = None if CHROMIUM and DRIVER else "needs chromium and chromedriver (chromium-driver)"
# No call to anyone: neither of the browser itself nor of its page.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
TAB, ENTER, LEFT, END = "\ue004", "\ue007", "\ue012", "\ue010"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window."""

    def __init__(self, port, folder, width=1280, height=900):
        self.root = f"http://127.0.0.1:{port}/session"
        options = {
            "binary": CHROMIUM,
            "args": [*FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}"],
        }
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        found = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.root += "/" + found["sessionId"]

    def _call(self, verb, path, content=None):
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(
            self.root + path, data, {"Content-Type": "application/json"}, method=verb
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, path):
        self._call("POST", "/url", {"url": path.resolve().as_uri()})

    def run(self, script, *arguments):
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, name, **values):
        return self._call("POST", "/goog/cdp/execute", {"cmd": name, "params": values})

    def press(self, *keys):
        """Press keys one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call(
            "POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]}
        )

    def click(self, selector):
        found = self._call("POST", "/element", {"using": "css selector", "value": selector})
        self._call("POST", f"/element/{found[ELEMENT]}/click", {})

    def console(self):
        """What stands in the console since it was last asked."""
        return [line["message"] for line in self._call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """The addresses that were asked for since it was last asked."""
        events = self._call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(event["message"])["message"] for event in events]
        return [
            m["params"]["request"]["url"]
            for m in messages
            if m["method"] == "Network.requestWillBeSent"
        ]

    def close(self):
        self._call("DELETE", "")


@contextmanager
def browser(folder, **size):
    """Yield a browser whose profile is a folder; both it and its driver are ended afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [DRIVER, f"--port={port}", "--allowed-ips=127.0.0.1"]
    quiet = subprocess.DEVNULL
    driver = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        for _ in range(200):
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        opened = Browser(port, folder, **size)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        driver.terminate()
        driver.wait(20)
