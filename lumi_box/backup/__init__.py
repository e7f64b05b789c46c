"""One file that holds an installation: its config, its rows, and its objects where these lie on a disk of its own."""
