"""Record what SageMaker says of a training job on its trial; at the end wake what follows."""
