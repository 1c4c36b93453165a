//! Exchanges that are used again: most requests need no new object.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
/// Exchanges that are looked at in one go.
const AT_ONCE: usize = 8;

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
        let candidates = self.list().len().min(3);
        for _ in 0..candidates {
            // To ask lets go of objects, which may call Python code: not while the mutex is held.
            let Some(candidate) = self.oldest() else {
                break;
            };
            if Exchange::reusable(candidate.bind(py)) {
                return Ok(candidate.into_bound(py));
            }
            self.put_back(candidate);
        }
        let mut spare = self.list();
        let excess = if spare.len() > KEPT {
            spare.pop_front()
        } else {
            None
        };
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

    /// The exchange of a thread's last request, for its next one: mostly nothing else refers to it.
    #[inline]
    pub(crate) fn ready_again<'py>(
        &self,
        last: Option<Bound<'py, Exchange>>,
    ) -> Option<Bound<'py, Exchange>> {
        let last = last?;
        if Exchange::reusable(&last) {
            return Some(last);
        }
        self.put_back(last.unbind());
        None
    }

    /// Keeps an exchange for later use.
    #[inline]
    pub(crate) fn put_back(&self, exchange: Py<Exchange>) {
        self.list().push_back(exchange);
    }

    /// Looks at the oldest exchanges: what one still has of a request that is over, and that no object
    /// refers to any more, is let go of.
    #[cold]
    pub(crate) fn tidy(&self, py: Python<'_>) {
        let some = self.list().len().min(AT_ONCE);
        for _ in 0..some {
            let Some(exchange) = self.oldest() else {
                return;
            };
            Exchange::reusable(exchange.bind(py));
            self.put_back(exchange);
        }
    }

    fn oldest(&self) -> Option<Py<Exchange>> {
        self.list().pop_front()
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Py<Exchange>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
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
