//! Applications that fail: what their clients get, and what the log says.

use std::sync::Arc;

use net::baton::Tail;
use net::config::page_facts;
use proto::h1::Ending;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyRuntimeError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::core::Core;
use crate::exchange::Exchange;
use crate::response::complete;
use crate::sending::discard;

/// Whether an error is a request to end the process rather than a failure.
pub(crate) fn asks_to_end(error: &PyErr, py: Python<'_>) -> bool {
    error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
}

/// The error of a request that the engine itself has failed.
pub(crate) fn panicked() -> PyErr {
    PyRuntimeError::new_err("the engine panicked; this is a bug in licorne")
}

/// The application failed: 500 if nothing was sent, otherwise the connection is aborted.
#[cold]
pub(crate) fn fail(exchange: &Bound<'_, Exchange>, error: PyErr) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let overdue = core.is_overdue(this.run.entry);
    let run = &mut this.run;
    let id = run.request_id.as_ref().map(|id| id.clone_ref(py));
    let shown = id.as_ref().map(|id| id.bind(py).to_string());
    let taken = run.socket.take().is_some();
    let Some(net) = &mut run.net else {
        let asked = run.environ.as_ref().map(|environ| environ.clone_ref(py));
        drop(this);
        let (method, target) =
            asked.map_or_else(Default::default, |it| method_and_target_in(it.bind(py)));
        return failed_afterwards(&core, py, (&method, &target), error);
    };
    let (method, target) = method_and_target(net, shown.as_deref());
    if taken {
        drop(this);
        return ended_on_socket(exchange, error, &method, &target);
    }
    net.keep_alive = false;
    net.out.clear();
    let (hsts, secure) = (core.config.hsts.as_deref(), net.tls.is_some());
    let facts = page_facts(hsts, secure, net.is_head());
    // Whatever the application had begun to say: its client gets the page for failures.
    if net.response.fail(facts, shown.as_deref(), &mut net.out) {
        run.status = Some(if overdue {
            core.names.gateway_timeout.clone_ref(py)
        } else {
            PyString::new(py, "500 Internal Server Error").unbind()
        });
        run.headers = None;
    }
    if let Err(another) = complete(py, this, Tail::None, Ending::Complete) {
        failed_afterwards(&core, py, (&method, &target), another)?;
    }
    tell_failure(&core, py, (&method, &target), &error, overdue, id.as_ref())?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}

/// Tells of an application that has failed while its connection spoke WebSocket.
#[cold]
pub(crate) fn tell(exchange: &Bound<'_, Exchange>, error: &PyErr) -> PyResult<()> {
    let py = exchange.py();
    let mut this = exchange.try_borrow_mut()?;
    let core = Arc::clone(&this.core);
    let overdue = core.is_overdue(this.run.entry);
    let id = this.run.request_id.as_ref().map(|id| id.clone_ref(py));
    let shown = id.as_ref().map(|id| id.bind(py).to_string());
    let (method, target) = method_and_target(this.run.open()?, shown.as_deref());
    drop(this);
    tell_failure(&core, py, (&method, &target), error, overdue, id.as_ref())
}

/// What the log says of an application that failed, or that was ended.
#[cold]
fn tell_failure(
    core: &Core,
    py: Python<'_>,
    (method, target): (&str, &str),
    error: &PyErr,
    overdue: bool,
    id: Option<&Py<PyString>>,
) -> PyResult<()> {
    let about = format!("Error handling request {method} {target}");
    let failure = error.is_instance_of::<PyException>(py);
    if overdue && !failure {
        // It was ended, or the worker was told to abort: the log has this request already.
        return core.log(
            py,
            "info",
            &format!("{about}: aborted, it was over its time"),
        );
    }
    if core.config.polled && core.reactor.stopping() && !failure && !asks_to_end(error, py) {
        // Its greenlet was ended with the worker.
        return core.log_about(
            py,
            "warning",
            &format!("{about}: graceful_timeout is over"),
            id,
        );
    }
    core.log_exception(
        py,
        "Error handling request %s %s",
        (method, target),
        error,
        id,
    )
}

/// Method and target as messages name them, with the request's id if it has one.
fn method_and_target(net: &net::exchange::Exchange, id: Option<&str>) -> (String, String) {
    let method = String::from_utf8_lossy(net.head.method()).into_owned();
    let target = String::from_utf8_lossy(net.head.target());
    let id = id.map_or_else(String::new, |id| format!(" [{id}]"));
    (method, format!("{target}{id}"))
}

/// The same from the environ, when the request has gone.
fn method_and_target_in(environ: &Bound<'_, PyDict>) -> (String, String) {
    let text = |key| match environ.get_item(key) {
        Ok(Some(value)) => value.to_string(),
        _ => String::new(),
    };
    (text("REQUEST_METHOD"), text("RAW_URI"))
}

/// The response is complete: what failed is `close()` or the access log.
fn failed_afterwards(
    core: &Core,
    py: Python<'_>,
    asked: (&str, &str),
    error: PyErr,
) -> PyResult<()> {
    core.log_exception(py, "Error after the response to %s %s", asked, &error, None)?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}

/// The connection was the application's; it has ended its work with an exception.
fn ended_on_socket(
    exchange: &Bound<'_, Exchange>,
    error: PyErr,
    method: &str,
    target: &str,
) -> PyResult<()> {
    let py = exchange.py();
    let core = Arc::clone(&exchange.try_borrow()?.core);
    core.log(
        py,
        "debug",
        &format!("{method} {target}: ended after taking the socket over: {error}"),
    )?;
    discard(exchange)?;
    if asks_to_end(&error, py) {
        Err(error)
    } else {
        Ok(())
    }
}
