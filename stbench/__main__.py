"""`python -m stbench` is `stbench`."""

from stbench.cli import main

if __name__ == "__main__":
    main()
