"""A finished model becomes G-code, by a program on this machine or by a service. docs/slicing.md tells more."""
