"""licorne: an application server for Python that takes gunicorn's place.

Importing the package has no effect but these names; the server starts in `licorne.app.wsgiapp`.
"""

version_info = (0, 1, 0)
__version__ = ".".join(str(part) for part in version_info)

#: The product name, as in the `Server` header.
SERVER = "licorne"
#: Product and version, as in the environ key `SERVER_SOFTWARE`.
SERVER_SOFTWARE = f"{SERVER}/{__version__}"
