"""OpenTelemetry's batch processor has a thread: it is started after the fork."""

bind = "127.0.0.1:0"
workers = 1
worker_class = "sync"
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s traceparent=%({traceparent}i)s'


def post_fork(server, worker):
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    server.log.info("Worker spawned (pid: %s)", worker.pid)
    resource = Resource.create(attributes={"service.name": "site", "worker": worker.age})
    provider = TracerProvider(resource=resource)
    exporter = ConsoleSpanExporter(formatter=lambda span: f"span {span.name}\n")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def post_request(worker, req, environ, resp):
    from opentelemetry import trace

    with trace.get_tracer("gunicorn").start_as_current_span(f"{req.method} {req.path}"):
        pass


def worker_exit(server, worker):
    from opentelemetry import trace

    trace.get_tracer_provider().shutdown()
