"""A set in MNIST's format, only smaller, and a server for its files that misbehaves in every way a server can."""

import gzip
import hashlib
import http.server
import threading
from contextlib import contextmanager

import numpy as np
from torchvision import datasets

from course_utils import data

SMALL = {"train": 50, "val": 10, "train+val": 60, "test": 10}


def idx(array):
    """The bytes of an IDX file, as described on MNIST's page: magic number, sizes, data."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def make_small(folder, monkeypatch):
    """Fill a data folder with such a set, and make the course look there; returns the folder and the arrays."""
    random = np.random.default_rng(0)
    arrays, checksums, packed = {}, {}, []
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 60), ("t10k", 10)):
        arrays[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = random.integers(0, 10, n, dtype=np.uint8)
    for name, array in arrays.items():
        content = idx(array)
        (raw / name).write_bytes(content)
        checksums[name] = hashlib.md5(content).hexdigest()
        packed.append((f"{name}.gz", hashlib.md5(gzip.compress(content, mtime=0)).hexdigest()))
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.setattr(data, "SIZES", SMALL)
    for kind in data.CHECKSUMS:
        monkeypatch.setitem(data.CHECKSUMS, kind, [checksums[file] for file in data.FILES])
    monkeypatch.setattr(datasets.MNIST, "resources", packed)
    return folder, arrays


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def cut(content):
    return content[: len(content) // 2]


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@contextmanager
def server(arrays):
    """A mirror whose path says how it behaves: /good/, /stall/, /trickle/, /endless/, /half/, /html/, ..."""
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            _, how, name = self.path.split("/")
            content = gzip.compress(idx(arrays[name.removesuffix(".gz")]), mtime=0)
            if how == "missing":
                return self.send_error(404)
            if how in ("moved", "loop"):
                self.send_response(302)
                self.send_header("Location", f"/{'good' if how == 'moved' else how}/{name}")
                return self.end_headers()
            if how == "html":
                content = b"<html>Please log in to the hotel's network</html>"
            if how == "wrong":
                content = flip(content)
            self.send_response(200)
            if how != "endless":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            while body and how in ("trickle", "endless") and not release.wait(0.05 if how == "trickle" else 0):
                self.wfile.write(b"x" * (1 if how == "trickle" else 1 << 20))
            if body:
                self.wfile.write(content if how not in ("half", "stall") else cut(content))
                if how == "stall":
                    self.wfile.flush()
                    release.wait(10)

        def log_message(self, *arguments):
            pass

    mirror = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=mirror.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{mirror.server_port}"
    finally:
        release.set()
        mirror.shutdown()
        mirror.server_close()
        thread.join()
