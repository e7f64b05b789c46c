"""The looks a symbol can be painted in, each a function from a cut-out picture to a cut-out picture."""
