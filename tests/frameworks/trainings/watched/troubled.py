"""Ranks that average their gradients, of which one is in trouble: `hang`, `slow`, `starved`, or none (`even`)."""

import sys
import time

import torch
import torch.distributed as dist

case, steps = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo")
torch.manual_seed(0)
rank = dist.get_rank()


class Samples(torch.utils.data.Dataset):
    def __len__(self):
        return 8 * steps

    def __getitem__(self, place):
        if case == "starved" and rank == 1 and place % 8 == 0:
            time.sleep(0.12)
        return torch.randn(10), torch.tensor(place % 2)


def stuck():
    time.sleep(600)


model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(10, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step, (x, y) in enumerate(torch.utils.data.DataLoader(Samples(), batch_size=8)):
    if case == "hang" and rank == 1 and step == 20:
        stuck()
    if case == "slow" and rank == 1:
        time.sleep(0.12)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    time.sleep(0.01)
