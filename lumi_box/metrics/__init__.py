"""What Prometheus is told: docs/monitoring.md lists it, docs/decisions/0010-metrics.md says how it is counted."""
