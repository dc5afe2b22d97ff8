"""The simulation: the deployed system in one process and in simulated time, with the real handlers on clients of an AWS
in memory.
"""
