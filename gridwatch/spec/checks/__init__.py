"""What must hold between a spec's fields, a module for each part of the spec; `whole` puts them together."""
