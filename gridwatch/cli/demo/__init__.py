"""`gridwatch demo`: the whole loop on this machine, with real training."""
