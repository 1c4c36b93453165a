"""`python -m licorne` is the command `licorne`."""

from licorne.app.wsgiapp import run

if __name__ == "__main__":
    # argparse would otherwise name the program after this file. It is `gunicorn` for
    # `python -m gunicorn`.
    run(prog=__package__)
