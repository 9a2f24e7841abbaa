"""``python -m particleflow`` does the same as the command ``particleflow``."""

from .cli import main

if __name__ == "__main__":
    main()
