"""A classifier cut into partitions by SageMaker's model parallel library, its batches into microbatches.

Data: as for pytorch/train.py. The library is in AWS's images for PyTorch up to 1.13; MPI starts one process for each
GPU.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import smdistributed.modelparallel.torch as smp
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@smp.step
def train_step(model: smp.DistributedModel, inputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    loss = nn.functional.cross_entropy(model(inputs), wanted)
    model.backward(loss)
    return loss


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    given, _ = parser.parse_known_args()

    smp.init()
    torch.cuda.set_device(smp.local_rank())
    folder = Path(os.environ["SM_CHANNEL_TRAIN"])
    images, labels = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("images", "labels"))
    classes = int(labels.max()) + 1
    layers = [nn.Flatten(), nn.Linear(images[0].numel(), 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    model = smp.DistributedModel(nn.Sequential(*layers, nn.Linear(4096, classes)))
    optimizer = smp.DistributedOptimizer(torch.optim.SGD(model.parameters(), lr=given.lr))
    # The library cuts each batch into the configured microbatches, so every batch must have the full size.
    loader = DataLoader(TensorDataset(images, labels), given.batch_size, shuffle=True, drop_last=True)
    for epoch in range(given.epochs):
        total = 0.0
        for inputs, wanted in loader:
            optimizer.zero_grad()
            loss = train_step(model, inputs.cuda(), wanted.cuda())
            optimizer.step()
            total += loss.reduce_mean().item()
        if smp.rank() == 0:
            print(f"epoch {epoch}: training loss: {total / len(loader):.6f}")
    if smp.rdp_rank() == 0:
        smp.save_checkpoint(path=os.environ["SM_MODEL_DIR"], tag="last", partial=False, model=model)


if __name__ == "__main__":
    main()
