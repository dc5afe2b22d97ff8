"""Copies the plotting library that package-lock.json pins into the reports' assets: `npm ci && python -m
scripts.plot_library`.

It lies in the repository, so that neither synthesis nor a Lambda function needs npm; a test holds the copy to the pin.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "node_modules" / "echarts"
ASSETS = ROOT / "gridwatch" / "reports" / "assets"


def main() -> None:
    library = (PACKAGE / "dist" / "echarts.min.js").read_bytes()
    (ASSETS / "echarts.min.js").write_bytes(library)
    # The licences ask for their texts and the notice wherever the library goes; it has the other two inside it.
    notice = (PACKAGE / "NOTICE").read_text(encoding="utf-8")
    licences = [_licence(name) for name in ("echarts", "zrender", "tslib")]
    (ASSETS / "echarts.LICENSE.txt").write_text("\n\n".join([notice, *licences]), encoding="utf-8")
    version = json.loads((PACKAGE / "package.json").read_text())["version"]
    about = {"version": version, "sha256": hashlib.sha256(library).hexdigest()}
    (ASSETS / "echarts.json").write_text(json.dumps(about, indent=2) + "\n")


def _licence(package: str) -> str:
    (file,) = (PACKAGE.parent / package).glob("LICENSE*")
    return f"{package}\n\n{file.read_text(encoding='utf-8')}"


if __name__ == "__main__":
    main()
