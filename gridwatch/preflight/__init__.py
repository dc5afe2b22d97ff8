"""What can be known to be wrong before an instance is paid for: of the data, of the spec, of a short run."""
