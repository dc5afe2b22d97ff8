"""The deployed system in one process and in simulated time: the real handlers on clients of an AWS in memory."""
