"""Write the data that the scikit-learn and PyTorch examples train on, 1,797 handwritten digits of 8 x 8 pixels:
`python examples/digits.py FOLDER`. Upload the folder's content below data/ of the experiments bucket.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main() -> None:
    folder = Path(sys.argv[1])
    digits = load_digits()
    mnist, tables = folder / "mnist", folder / "digits"
    for each in (mnist, tables):
        each.mkdir(parents=True, exist_ok=True)
    np.save(mnist / "images.npy", (digits.images / 16).astype(np.float32))
    np.save(mnist / "labels.npy", digits.target.astype(np.int64))
    rows = np.column_stack([digits.target, digits.data / 16])
    for name, part in (("train", rows[360:]), ("validation", rows[:360])):
        np.savetxt(tables / f"{name}.csv", part, delimiter=",", fmt="%.4g")


if __name__ == "__main__":
    main()
