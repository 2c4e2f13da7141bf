"""The command line: `python -m utils ...`. Its start-up needs the standard library only."""
