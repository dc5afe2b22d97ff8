"""The parts of a CreateTrainingJob request, one module each, named as the part of the spec that it comes from."""
