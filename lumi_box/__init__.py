"""lumi-box: a sentence becomes four pictures, a picture becomes a printable 3D model."""

try:
    from lumi_box._version import __version__  # written by the build, from the git tag
except ImportError:  # a checkout that nothing was built from
    __version__ = "0.1.0.dev0"
