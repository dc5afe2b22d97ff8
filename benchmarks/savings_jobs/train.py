"""Trainings that do nothing but take time, each in its own way, and report a loss that grows bad in one of them."""

from __future__ import annotations

import argparse
import os
import random
import time
from pathlib import Path


def main() -> None:
    given = arguments()
    time.sleep(given.startup)
    if given.max_steps:
        in_steps(given)
    else:
        in_epochs(given)
    Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("nothing was learned\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--startup", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.1)  # of an epoch or a step
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--work", type=int, default=0)  # epochs, under a name that says nothing
    parser.add_argument("--max_steps", type=int, default=0)
    parser.add_argument("--patience", type=int, default=0)
    parser.add_argument("--bad_from", type=int, default=0)  # epoch or step; 0: never
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def in_epochs(given: argparse.Namespace) -> None:
    """Train in uneven epochs; with a patience, the training stops by itself that many epochs after the loss no longer
    changes.
    """
    chance, rests = random.Random(given.seed), 30
    for epoch in range(given.epochs or given.work):
        time.sleep(given.seconds * chance.uniform(0.6, 1.4) * (2 if epoch % 10 == 9 else 1))
        bad = given.bad_from and epoch >= given.bad_from
        print(f"epoch {epoch}: validation loss: {100.0 if bad else 1 / (1 + min(epoch, rests)):.4f}", flush=True)
        if given.patience and epoch >= rests + given.patience:
            print("no gain any more", flush=True)
            return


def in_steps(given: argparse.Namespace) -> None:
    """Train in steps under the hook, with ten steps of evaluation, counted separately, after every fifty."""
    from gridwatch_hook import Hook, Mode  # noqa: PLC0415 - one of the scripts' ways alone

    hook = Hook.from_environment()
    assert hook is not None
    for step in range(given.max_steps):
        time.sleep(given.seconds)
        bad = given.bad_from and step >= given.bad_from
        hook.set_mode(Mode.TRAIN)
        hook.save_scalar("loss", 100.0 if bad else 1 / (1 + step), collection="losses")
        hook.next_step()
        if step % 50 == 49:
            hook.set_mode(Mode.EVAL)
            for _ in range(10):
                time.sleep(given.seconds / 2)
                hook.save_scalar("loss", 1 / (1 + step), collection="losses")
                hook.next_step()
            print(f"step {step}: validation loss: {1 / (1 + step):.4f}", flush=True)
    hook.close()


if __name__ == "__main__":
    main()
