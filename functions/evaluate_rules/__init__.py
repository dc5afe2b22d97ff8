"""New tensors landed: evaluate the job's rules on the new steps, put status changes on the bus."""
