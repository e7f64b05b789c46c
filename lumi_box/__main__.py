"""`python -m lumi_box` is the `lumi-box` command."""

from lumi_box.cli import main

if __name__ == "__main__":
    main()
