"""Records the news of a training job on its trial; when the job is over, wakes what follows."""
