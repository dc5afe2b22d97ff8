"""Rules over what a training job saves: tensors, the rules that look at them, and judgement across trials."""

__version__ = "0.1.0"
