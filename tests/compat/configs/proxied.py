"""Behind a proxy on another host, with the site's environment and files for its group."""

bind = "127.0.0.1:0"
raw_env = ["SITE_SETTINGS=production", "SITE_URL=https://site.example/?a=b"]
umask = 0o027
forwarded_allow_ips = "10.0.0.0/8,127.0.0.1"
secure_scheme_headers = {"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https"}
forwarder_headers = "SCRIPT_NAME,REMOTE_USER"
header_map = "drop"
accesslog = "-"
access_log_format = "%(h)s %({x-forwarded-for}i)s %(r)s %(s)s %({SITE_SETTINGS}e)s"
