//! Requests that were answered without the application, for an access log that Python writes.

use net::access_log::unserved::Unserved;
use net::clock;
use net::waited;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::core::Core;
use crate::exchange::Exchange;
use crate::text::latin1;
use crate::wsgi::environ;

/// Lets Python write the line of a request, for which a spare exchange stands. A logger that fails is
/// told of, as it is for the requests that are served.
pub(crate) fn write(
    core: &Core,
    exchange: &Bound<'_, Exchange>,
    unserved: Unserved,
) -> PyResult<()> {
    let py = exchange.py();
    let Some(access) = &core.access else {
        return Ok(());
    };
    let method = String::from_utf8_lossy(unserved.exchange.head.method()).into_owned();
    let target = String::from_utf8_lossy(unserved.exchange.head.target()).into_owned();
    let written =
        fill(core, exchange, unserved).and_then(|()| access.write(py, exchange.as_any(), 0));
    // What a logger keeps of it still says what it said.
    drop(exchange.try_borrow_mut()?.run.leave(true));
    let Err(error) = written else { return Ok(()) };
    let about = (method.as_str(), target.as_str());
    core.log_exception(py, "Error after the response to %s %s", about, &error, None)
}

/// Everything that a line may name.
fn fill(core: &Core, exchange: &Bound<'_, Exchange>, unserved: Unserved) -> PyResult<()> {
    let py = exchange.py();
    let headers = PyList::empty(py);
    for (name, value) in unserved.fields() {
        headers.append((latin1(py, name)?, latin1(py, value)?))?;
    }
    let mut this = exchange.try_borrow_mut()?;
    let this = &mut *this;
    let Some(bundle) = &mut this.bundle else {
        return Err(PyRuntimeError::new_err(
            "an exchange without its parts was taken for use",
        ));
    };
    let phrase = proto::reason_phrase(unserved.status).unwrap_or_default();
    let status = PyString::new(py, &format!("{} {phrase}", unserved.status));
    let mut net = unserved.exchange;
    let (environ, _) = environ::build(py, core, &bundle.template, &mut bundle.caches, &mut net)?;
    let queue_ns = waited::waited_ns(&net, unserved.at_ns);
    if core.config.queue_time {
        environ.set_item(&core.names.queue_time, clock::seconds(queue_ns))?;
    }
    let id = match &core.ids {
        Some(ids) => Some(environ::request_id(&environ, core, ids, &net)?),
        None => None,
    };
    this.begin(net);
    let run = &mut this.run;
    run.request_id = id;
    run.queue_ns = core.queue_timed.then_some(queue_ns);
    run.started_ns = unserved.at_ns;
    run.status = Some(status.unbind());
    run.headers = Some(headers.into_any().unbind());
    run.sent = unserved.sent;
    run.environ = Some(environ.unbind());
    Ok(())
}
