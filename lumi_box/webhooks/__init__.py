"""Addresses of users that are told when a task or a model ends. docs/webhooks.md tells more."""
