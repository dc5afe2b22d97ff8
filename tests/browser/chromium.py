"""A real browser without a window, steered through a pipe in the DevTools protocol: no driver, no sockets."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9, "Enter": 13}


def find() -> str | None:
    """The browser's command, where there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """The page that is open. `errors` are exceptions and errors that it told the console, `requests` what it loaded."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self._process, self._to, self._back = process, to, back
        self._number, self._waiting = 0, b""
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []

    def open(self, address: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Open a page and wait until its scripts have run (they set data-ready)."""
        if self._session:
            self._call("Page.close")
        self._session, self.errors, self.requests = None, [], []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self.set_theme(dark=dark)
        self.resize(width, height)
        self._call("Page.navigate", url=address)
        deadline = time.monotonic() + 60
        while not self.evaluate("document.documentElement?.dataset.ready"):
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, "the page's scripts did not come to their end"
            time.sleep(0.02)

    def set_theme(self, *, dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self.evaluate("new Promise((done) => setTimeout(done, 50))")  # its listeners run before the next picture

    def resize(self, width: int, height: int) -> None:
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of the promise that it returns."""
        told = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {}
        self._call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=_KEYS[key], **text
        )
        self._call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=_KEYS[key])

    def screenshot(self, path: Path) -> None:
        """The whole page, as a PNG."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def close(self) -> None:
        """End the browser, so that it has written its profile."""
        self._session = None
        self._call("Browser.close")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == self._number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return told["result"]
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif told.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif told.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            read = os.read(self._back, 1 << 20)
            if not read:
                raise AssertionError(f"the browser has ended: {self._process.poll()}")
            self._waiting += read
        message, _, self._waiting = self._waiting.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


@contextmanager
def browser(command: str, profile: Path) -> Iterator[Page]:
    """A block with a browser of its own and its profile in that folder; the browser ends with the block."""
    to_browser, to = _high(*os.pipe())
    back, from_browser = _high(*os.pipe())
    # The protocol's pipe is descriptors 3 and 4 of the browser; a shell puts them there.
    line = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
    flags = ["--headless=new", "--remote-debugging-pipe", "--no-first-run", f"--user-data-dir={profile}"]
    flags += ["--disable-gpu", "--hide-scrollbars", "--no-sandbox", "--disable-dev-shm-usage"]
    process = subprocess.Popen(
        ["bash", "-c", line, command, *flags],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    page = Page(process, to, back)
    try:
        yield page
    finally:
        page.close()
        process.wait(20)
        os.close(to)
        os.close(back)


def _high(*descriptors: int) -> list[int]:
    """Move files to numbers other than 3 and 4."""
    made = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 20) for each in descriptors]
    for each in descriptors:
        os.close(each)
    return made
