"""What the `lumi-box` command can do: one module a group, one function a command."""
