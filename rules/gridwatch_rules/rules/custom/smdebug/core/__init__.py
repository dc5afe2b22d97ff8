"""What smdebug keeps in `smdebug.core`, as far as rules reach it."""
