"""A PyTorch training in which faults can be planted (not a test). Arguments as name=value: `hook` (out folder),
`layers` (named or sequential), `fault` (none, zero_init, tiny_rate, nan, dead_relu, saturated, overfit, exploding).
"""

from __future__ import annotations

import sys
from collections import OrderedDict

import torch
from torch import nn

from gridwatch_hook.pytorch import PyTorchHook


def build(kind: str) -> nn.Sequential:
    """Build the net. Both forms are the same net; in one of them activations are called 1 and 3."""
    layers = [nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 2)]
    if kind == "sequential":
        return nn.Sequential(*layers)
    names = ("first", "relu", "second", "tanh", "last")
    return nn.Sequential(OrderedDict(zip(names, layers, strict=True)))


def plant(fault: str, model: nn.Sequential) -> float:
    """Plant the fault; returns the learning rate."""
    first, _, second, _, last = model
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    if fault == "zero_init":
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    if fault == "dead_relu":
        nn.init.constant_(first.bias, -1000.0)
    if fault == "saturated":
        nn.init.constant_(second.bias, 50.0)
    if fault == "exploding":
        nn.init.constant_(last.weight, 1e38)
    return {"tiny_rate": 1e-10, "overfit": 0.5}.get(fault, 0.2)


def main() -> None:
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    fault = options.get("fault", "none")
    torch.manual_seed(5)
    torch.set_num_threads(1)
    model, criterion = build(options.get("layers", "named")), nn.CrossEntropyLoss()
    rate = plant(fault, model)
    hook = PyTorchHook.from_environment() or PyTorchHook.create(options["hook"])
    hook.register_module(model)
    hook.register_loss(criterion)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    x, unseen = torch.randn(512, 8), torch.randn(512, 8)
    y, expected = ((data.sum(dim=1) > 0).long() for data in (x, unseen))
    if fault == "overfit":  # a few samples with labels that mean nothing are learned by heart
        x, y = x[:16], torch.randint(0, 2, (16,))
    for step in range(60):
        model.train()
        optimizer.zero_grad()
        batch = x * float("nan") if fault == "nan" and step >= 20 else x
        criterion(model(batch), y).backward()
        optimizer.step()
        if step % 5 == 4:
            model.eval()
            with torch.no_grad():
                criterion(model(unseen), expected)
    hook.close()


main()
