"""Tables of what XGBoost 3.2 and SageMaker's container for it accept; a test trains with every row of them."""
