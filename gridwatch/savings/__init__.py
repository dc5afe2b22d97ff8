"""What a stop spares: an estimate of the time and the money that a training job would still have taken."""
