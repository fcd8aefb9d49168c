"""A local S3: moto's server, in a process of its own."""

import importlib.util
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

NEEDED = ("moto", "flask", "flask_cors", "boto3")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]


@contextmanager
def s3(bucket):
    """Yield the variables with which obstore finds it; the bucket is there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                made = urllib.request.Request(f"{url}/{bucket}", method="PUT")
                urllib.request.urlopen(made, timeout=20).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                assert server.poll() is None, "moto ended"
                assert time.monotonic() < until, "moto does not answer"
                time.sleep(0.1)
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.terminate()
        server.wait()
