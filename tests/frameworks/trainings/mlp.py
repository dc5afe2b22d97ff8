"""A PyTorch training in which faults can be planted (not a test; the tests run it in the environment of the
frameworks).

Arguments as name=value: `hook` (out folder; none without), `fault` (zero_init, tiny_rate, nan, dead_relu, none),
`steps`, `dtype`. Prints a digest of the model's parameters and of the random state.
"""

from __future__ import annotations

import copy
import hashlib
import io
import pickle
import sys

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(8, 16)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.drop(self.relu(self.fc1(x))))


def plant(fault: str, model: Net) -> float:
    """Plant the fault; returns the learning rate."""
    if fault == "zero_init":
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    if fault == "dead_relu":
        nn.init.constant_(model.fc1.bias, -1000.0)
    return 1e-10 if fault == "tiny_rate" else 0.5


def main() -> None:
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    torch.manual_seed(7)
    torch.set_num_threads(1)
    model, criterion = Net(), nn.CrossEntropyLoss()
    rate = plant(options.get("fault", "none"), model)
    hook = None
    if "hook" in options:
        from gridwatch_hook.pytorch import PyTorchHook

        hook = PyTorchHook.from_environment() or PyTorchHook.create(options["hook"])
        hook.register_module(model)
        hook.register_loss(criterion)
        pickle.dumps(copy.deepcopy(model))  # as for an average of weights, or a checkpoint
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    x = torch.randn(64, 8)
    y = (x.sum(dim=1) > 0).long()
    for step in range(int(options.get("steps", "20"))):
        model.train()
        optimizer.zero_grad()
        batch = x * float("nan") if options.get("fault") == "nan" and step >= 5 else x
        loss = criterion(model(batch), y)
        loss.backward()
        optimizer.step()
        if hook:
            hook.save_scalar("rate", rate)
        if step % 5 == 4:
            model.eval()
            with torch.no_grad():
                criterion(model(x), y)
    if hook:
        hook.close()
    state = io.BytesIO()
    torch.save([list(model.state_dict().values()), torch.get_rng_state()], state)
    sys.stdout.write(f"{loss.item():.17g} {hashlib.sha256(state.getvalue()).hexdigest()}\n")


main()
