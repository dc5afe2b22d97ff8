"""A small image classifier in PyTorch, for the specs beside this folder: one process, or one for each GPU.

Data: `images.npy` (count x height x width, float32) and `labels.npy` (count, int64) in the channel `train`. Each epoch
is saved to /opt/ml/checkpoints when there is such a folder, and a job that starts again goes on from the last one
(where /opt/ml lies elsewhere, as in the local cloud, SAGEMAKER_BASE_DIR says where).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset, random_split
from torch.utils.data.distributed import DistributedSampler

CHECKPOINTS = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "checkpoints")
WIDTHS = {"small": (32,), "wide": (256,), "deep": (64, 64, 64)}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}


def network(architecture: str, inputs: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for width in WIDTHS[architecture]:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", choices=sorted(WIDTHS), default="small")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="sgd")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--backend", default="")  # nccl, smddp; empty: one process
    given, _ = parser.parse_known_args()

    if given.backend == "smddp":
        import smdistributed.dataparallel.torch.torch_smddp  # noqa: F401, PLC0415 - registers the backend
    if given.backend:
        dist.init_process_group(given.backend)
    train(given)
    if given.backend:  # a rank that leaves while another still talks to it would end that one with an abort
        dist.barrier()
        dist.destroy_process_group()


def train(given: argparse.Namespace) -> None:
    rank = dist.get_rank() if given.backend else 0
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else "cpu"
    folder = Path(os.environ["SM_CHANNEL_TRAIN"])
    images, labels = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("images", "labels"))
    held = len(labels) // 5
    training, validation = random_split(
        TensorDataset(images, labels), [len(labels) - held, held], torch.Generator().manual_seed(0)
    )
    model = network(given.architecture, images[0].numel(), int(labels.max()) + 1).to(device)
    optimizer = OPTIMIZERS[given.optimizer](model.parameters(), lr=given.lr)
    begin = 0
    if (CHECKPOINTS / "last.pt").exists():
        saved = torch.load(CHECKPOINTS / "last.pt", map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        begin = saved["epoch"] + 1
    trained = DistributedDataParallel(model) if given.backend else model
    sampler = DistributedSampler(training) if given.backend else None
    loader = DataLoader(training, given.batch_size, shuffle=sampler is None, sampler=sampler)
    loss_of = nn.CrossEntropyLoss()
    for epoch in range(begin, given.epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)
        for inputs, wanted in loader:
            optimizer.zero_grad()
            loss = loss_of(trained(inputs.to(device)), wanted.to(device))
            loss.backward()
            optimizer.step()
        if rank == 0:
            with torch.no_grad():
                inputs, wanted = next(iter(DataLoader(validation, len(validation))))
                print(f"epoch {epoch}: validation loss: {loss_of(model(inputs.to(device)), wanted.to(device)):.6f}")
            if CHECKPOINTS.is_dir():
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
                waiting = CHECKPOINTS / "last.pt.sagemaker-ignore"  # never half a file: SageMaker does not copy these
                torch.save(state, waiting)
                waiting.replace(CHECKPOINTS / "last.pt")
    if rank == 0:
        torch.save(model.state_dict(), Path(os.environ["SM_MODEL_DIR"]) / "model.pt")


if __name__ == "__main__":
    main()
