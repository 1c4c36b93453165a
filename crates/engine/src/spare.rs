//! Exchanges that are used again: most requests need no new object.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::core::Core;
use crate::exchange::{Bundle, Exchange};
use crate::wsgi::Response;
use crate::wsgi::caches::Caches;

/// Exchanges kept at most; more are only there while they are in use, or when applications hold on
/// to them.
const KEPT: usize = 16;

/// Exchanges that may be used again, oldest first.
#[derive(Default)]
pub(crate) struct Spare {
    list: Mutex<VecDeque<Py<Exchange>>>,
    /// They come without the objects that WSGI needs.
    bare: bool,
}

impl Spare {
    /// For an interface that needs no objects beside the exchange.
    pub(crate) fn bare() -> Self {
        Self {
            list: Mutex::default(),
            bare: true,
        }
    }

    /// A request for a loop that polls, counted; its exchange is used again as soon as nothing else
    /// refers to it. `inspected`: hooks look at it afterwards.
    #[inline]
    pub(crate) fn hand_out<'py>(
        &self,
        py: Python<'py>,
        core: &Arc<Core>,
        net: Box<net::exchange::Exchange>,
        inspected: bool,
    ) -> PyResult<Bound<'py, Exchange>> {
        if let Err(error) = core.count(py) {
            // A logger of the user failed, or a loop: the request must not be lost for it.
            error.write_unraisable(py, None);
        }
        let exchange = self.take(py, core)?;
        {
            let mut this = exchange.try_borrow_mut()?;
            this.begin(net);
            this.run.inspected = inspected;
        }
        self.put_back(exchange.clone().unbind());
        Ok(exchange)
    }

    /// An exchange that nothing else refers to: a used one, or a new one.
    #[inline]
    pub(crate) fn take<'py>(
        &self,
        py: Python<'py>,
        core: &Arc<Core>,
    ) -> PyResult<Bound<'py, Exchange>> {
        let mut spare = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = spare.len().min(3);
        for _ in 0..candidates {
            let Some(candidate) = spare.pop_front() else {
                break;
            };
            if Exchange::reusable(candidate.bind(py)) {
                return Ok(candidate.into_bound(py));
            }
            spare.push_back(candidate);
        }
        let excess = if spare.len() > KEPT {
            spare.pop_front()
        } else {
            None
        };
        // Nothing of Python is released or called while the mutex is held.
        drop(spare);
        if let Some(excess) = excess
            && !Exchange::retire(excess.bind(py))
        {
            self.put_back(excess);
        }
        if self.bare {
            return Bound::new(py, Exchange::new(Arc::clone(core)));
        }
        create(py, core)
    }

    /// The same for a thread that has kept the exchange of its last request: mostly it is that one.
    #[inline]
    pub(crate) fn take_again<'py>(
        &self,
        py: Python<'py>,
        core: &Arc<Core>,
        last: Option<Bound<'py, Exchange>>,
    ) -> PyResult<Bound<'py, Exchange>> {
        if let Some(last) = last {
            if Exchange::reusable(&last) {
                return Ok(last);
            }
            self.put_back(last.unbind());
        }
        self.take(py, core)
    }

    /// Keeps an exchange for later use.
    #[inline]
    pub(crate) fn put_back(&self, exchange: Py<Exchange>) {
        self.list
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(exchange);
    }
}

/// A new exchange with the objects that go with it.
fn create<'py>(py: Python<'py>, core: &Arc<Core>) -> PyResult<Bound<'py, Exchange>> {
    let template = core.config.environ.bind(py).copy()?;
    let socket_class = core.config.socket_class.clone_ref(py);
    let names = (
        core.names.early_hints.clone_ref(py),
        core.names.socket.clone_ref(py),
    );
    let exchange = Bound::new(py, Exchange::new(Arc::clone(core)))?;
    let early_hints = exchange.getattr(intern!(py, "early_hints"))?;
    let socket = socket_class
        .bind(py)
        .call_method1(intern!(py, "of"), (&exchange,))?;
    template.set_item(names.0, &early_hints)?;
    template.set_item(names.1, &socket)?;
    make_room(&template)?;
    let response = Bound::new(py, Response::new(exchange.clone().unbind()))?;
    let bundle = Bundle {
        template: template.unbind(),
        start_response: response.getattr(intern!(py, "start_response"))?.unbind(),
        response: response.into_any().unbind(),
        write: exchange.getattr(intern!(py, "write"))?.unbind(),
        early_hints: early_hints.unbind(),
        send_trailers: exchange.getattr(intern!(py, "send_trailers"))?.unbind(),
        socket: socket.unbind(),
        caches: Caches::new(),
    };
    exchange.borrow_mut().bundle = Some(Box::new(bundle));
    Ok(exchange)
}

/// Makes the table of a template large enough for the header fields of most requests. A copy has
/// the table of its original, and growing one would cost more than all else of an environ.
fn make_room(template: &Bound<'_, PyDict>) -> PyResult<()> {
    const PLACEHOLDERS: [&str; 3] = ["placeholder 1", "placeholder 2", "placeholder 3"];
    for key in PLACEHOLDERS {
        template.set_item(key, key)?;
    }
    for key in PLACEHOLDERS {
        template.del_item(key)?;
    }
    Ok(())
}
