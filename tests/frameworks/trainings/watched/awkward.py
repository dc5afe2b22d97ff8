"""Gradients that accumulate, a scaled loss, a compiled optimizer, a logged number, a model whose ReLU is dead, and
objects that must not be asked for their class.
"""

import sys
import weakref

import torch

import gridwatch_hook


class Lazy:
    """As proxies of configurations and of modules are: they load what they stand for when they are asked."""

    @property
    def __class__(self):
        raise SystemExit("it was asked for its class")


lazy, gone = [Lazy()], weakref.proxy(Lazy())
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
if sys.argv[1] == "dead":
    torch.nn.init.constant_(model[0].bias, -100.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 4), torch.randn(16, 1)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=sys.argv[1] == "scaled")
step = torch.compile(optimizer.step, backend="eager") if sys.argv[1] == "compiled" else optimizer.step
parts = 4 if sys.argv[1] == "accumulated" else 1
for number in range(12):
    optimizer.zero_grad()
    losses = [torch.nn.functional.mse_loss(model(a), b) / parts for a, b in zip(x.chunk(parts), y.chunk(parts))]
    for loss in losses:
        scaler.scale(loss).backward()
    if scaler.is_enabled():
        scaler.step(optimizer)
        scaler.update()
    else:
        step()
    print(sum(float(loss) for loss in losses))
    gridwatch_hook.log(own=number)
