"""THE PRODUCT: a prompt becomes four images, a picked image becomes a model. One file per step."""
