"""Reads tensors in the layout that smdebug writes, from local disk or S3, without smdebug and without protobuf."""
