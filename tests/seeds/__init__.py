"""The five documents that licorne was created from, walked through command by command.

They describe gunicorn, in Chinese, from 2016 to 2024. Their commands are typed as they stand, with
the optional distribution `compat/` that installs them; `documents.py` lists what is typed, and what
is not, with the reason.
"""
