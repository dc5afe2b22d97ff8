"""What XGBoost 3.2 and SageMaker's container for it accept, as tables; a test trains with every row of them."""
