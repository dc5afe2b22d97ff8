"""The parts of a training job in the spec, one module each: what a spec may say of it, as pydantic models.

A part is added by a module here, a field of `ExperimentSpec`, a module of the same name under `spec/checks` (what must
hold) and one under `launch/parts` (what it puts into the request).
"""
