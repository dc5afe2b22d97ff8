"""`gridwatch doctor`: checks whether an account can hold a deployment, and whether an existing one works."""
