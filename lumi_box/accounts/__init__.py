"""Who may use the box, and how they prove it."""
