"""The parts that the stack is put together from."""
