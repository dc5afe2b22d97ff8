"""Every event and message that Gridwatch reads or writes: its name, its shape, its parser and its builder."""
