"""What was written for gunicorn, run by licorne: imports, workers, PasteDeploy, commands."""
