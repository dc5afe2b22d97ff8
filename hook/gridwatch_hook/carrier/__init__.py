"""The folder that brings the hook into a training: how it is put together, and how a command is run with it."""
