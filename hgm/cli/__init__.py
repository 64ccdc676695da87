"""The command line. `hgm.cli.app` is its whole; this package imports nothing, so that its parts can be used alone."""


def main() -> None:
    """Run one command and end the process with its exit code."""
    from hgm.cli.app import run

    run()
