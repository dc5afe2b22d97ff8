"""The command `gridwatch-rules`: rules over folders of tensors and files of curves, without a platform."""
