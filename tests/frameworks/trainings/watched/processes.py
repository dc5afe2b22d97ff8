"""Trains in a child process, forked or spawned, after the parent imported everything."""

import sys

import torch


def train(rank: int = 0) -> None:
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(10):
        optimizer.zero_grad()
        model(torch.ones(8, 4)).pow(2).mean().backward()
        optimizer.step()


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.multiprocessing.get_context(sys.argv[1])
    child = torch.multiprocessing.get_context(sys.argv[1]).Process(target=train)
    child.start()
    child.join()
