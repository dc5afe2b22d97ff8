"""`gridwatch doctor`: whether an account can hold a deployment, and whether one that is there works."""
