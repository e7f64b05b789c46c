"""The doctor's findings over time: kept for a moment, kept as history, and told to the operator when they change."""
