"""Self-contained HTML reports: of an XGBoost training from its tensors, of a profile from its metrics and findings."""
