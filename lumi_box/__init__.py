"""lumi-box: a sentence becomes four pictures, a picture becomes a printable 3D model."""

__version__ = "0.1.0"
