"""`python -m channelvq` is the command line."""

from channelvq.cli import main

if __name__ == "__main__":
    main()
