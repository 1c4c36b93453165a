"""licorne: an application server for Python that takes gunicorn's place.

Importing the package has no effect but these names; the server starts in `licorne.app.wsgiapp`.
"""

version_info = (0, 2, 0)
__version__ = ".".join(str(part) for part in version_info)

#: The release of gunicorn whose settings, hooks, classes and messages are offered.
CONTRACT = (27, 0, 1)
#: The same as text, for programs that compare versions of gunicorn.
CONTRACT_VERSION = ".".join(str(part) for part in CONTRACT)

#: The product name, as in the `Server` header.
SERVER = "licorne"
#: As in the environ key `SERVER_SOFTWARE`: programs look there for gunicorn and its version.
SERVER_SOFTWARE = f"gunicorn/{CONTRACT_VERSION} {SERVER}/{__version__}"
