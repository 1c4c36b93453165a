//! The access log. While the logger, its handler and its formatter are the ones that licorne has
//! set up, lines are rendered here and written by the reactor at the end of a turn; as soon as any
//! of them was changed, Python writes each line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::access_log::exclude::Exclude;
use net::access_log::{Format, Kept, Memory, Stamp};
use net::request_id::RequestIds;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::access_unserved::UnservedLog;
use crate::access_values::Answered;
use crate::config::PythonConfig;
use crate::intact::{MethodSnapshot, Snapshot};
use crate::lookup::Key;
use crate::text::latin1_bytes;

/// What becomes of the line of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It is rendered.
    Native,
    /// Python has to write it.
    Python,
    /// There is none.
    None,
}

/// The access log of one worker.
pub(crate) struct Access {
    /// The Python object that decides and writes: `licorne.workers.access_log.AccessLog`.
    object: Py<PyAny>,
    native: Option<Native>,
    /// Lines name the time in the queue.
    queue_timed: bool,
    stamp: Mutex<Stamp>,
}

/// The line of a request, and what the next one may have in common with it.
#[derive(Default)]
pub(crate) struct LastLine {
    pub(crate) line: Vec<u8>,
    last: Last,
}

/// The values of the environ in a line, and what became of them.
#[derive(Default)]
struct Last {
    values: Vec<Option<Py<PyString>>>,
    kept: Kept,
}

impl Last {
    #[inline]
    fn memory(&mut self, keys: &[Key], environ: &Bound<'_, PyDict>) -> Memory<'_> {
        if self.is_of(keys, environ) {
            Memory::Copy(&self.kept)
        } else if self.becomes(keys, environ) {
            Memory::Fill(&mut self.kept)
        } else {
            Memory::None
        }
    }

    #[inline]
    fn is_of(&self, keys: &[Key], environ: &Bound<'_, PyDict>) -> bool {
        let mut pairs = self.values.iter().zip(keys);
        // A format that needs none is filled each time: nothing tells whether it has been.
        !keys.is_empty()
            && self.values.len() == keys.len()
            && pairs.all(|(last, key)| key.is(environ, last.as_ref()))
    }

    /// False: there is a value that is no str, and may say something else the next time.
    fn becomes(&mut self, keys: &[Key], environ: &Bound<'_, PyDict>) -> bool {
        self.values.clear();
        for key in keys {
            let value = match key.of(environ).map(Bound::cast_into_exact) {
                None => None,
                Some(Ok(text)) => Some(text.unbind()),
                Some(Err(_)) => return false,
            };
            self.values.push(value);
        }
        true
    }
}

/// What must be as it was set up for lines to be written here, or not at all.
struct Native {
    /// It was so at the last look: one for all requests that were read together.
    ours: Arc<AtomicBool>,
    logger: MethodSnapshot,
    /// `None` if no access log is asked for.
    lines: Option<Lines>,
}

/// How lines are made, and where they go.
struct Lines {
    format: Arc<Format>,
    /// It names the time that a request has taken, or when it ended.
    timed: bool,
    /// `None` if nothing is left out.
    exclude: Option<Arc<Exclude>>,
    keys: Vec<Key>,
    target: Snapshot,
    /// The list of the target's handlers, and the only one in it.
    handlers: Py<PyList>,
    handler: Py<PyAny>,
    handler_own: Snapshot,
}

impl Access {
    /// `template` is what the environ of every request is a copy of.
    pub(crate) fn new(object: &Bound<'_, PyAny>, template: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = object.py();
        let native = if object.getattr(intern!(py, "native"))?.extract()? {
            Native::new(object, template)?
        } else {
            None
        };
        Ok(Self {
            object: object.clone().unbind(),
            native,
            queue_timed: object.getattr(intern!(py, "queue_timed"))?.extract()?,
            stamp: Mutex::default(),
        })
    }

    /// Lines name the time in the queue.
    pub(crate) fn queue_timed(&self) -> bool {
        self.queue_timed
    }

    /// Whether lines need the exact time that requests have taken. Where Python
    /// takes over, the requests in hand have begun some ms earlier at most in the lines it writes.
    #[inline]
    pub(crate) fn timed(&self) -> bool {
        self.native.as_ref().is_none_or(|native| {
            native.lines.as_ref().is_some_and(|lines| lines.timed)
                || !native.ours.load(Ordering::Relaxed)
        })
    }

    /// Whether there are lines, as far as is known before a response is complete.
    #[inline]
    pub(crate) fn writes(&self) -> bool {
        self.native
            .as_ref()
            .is_none_or(|native| native.lines.is_some() || !native.ours.load(Ordering::Relaxed))
    }

    /// What becomes of the line of a request without an environ: Python writes it, if anything does.
    #[inline]
    pub(crate) fn without_environ(&self, py: Python<'_>, first: bool) -> PyResult<Line> {
        Ok(match self.native(py, first)? {
            Some(Native { lines: None, .. }) => Line::None,
            Some(_) | None => Line::Python,
        })
    }

    /// What lines are made with here; `None`: Python writes them. `first`: it is time to look whether
    /// all is as it was set up.
    #[inline]
    fn native(&self, py: Python<'_>, first: bool) -> PyResult<Option<&Native>> {
        let Some(native) = &self.native else {
            return Ok(None);
        };
        if first {
            native.ours.store(native.untouched(py)?, Ordering::Relaxed);
        }
        Ok(native.ours.load(Ordering::Relaxed).then_some(native))
    }

    /// The descriptor that native lines go to.
    pub(crate) fn fd(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        if self.lines().is_none() {
            return Ok(None);
        }
        self.object
            .bind(py)
            .call_method0(intern!(py, "fileno"))?
            .extract()
    }

    /// Renders a line into `last_line`, if it is to be written and Python is not needed for it.
    /// `first`: it is time to look whether all is as it was set up.
    #[inline]
    pub(crate) fn render<'a>(
        &self,
        py: Python<'_>,
        first: bool,
        last_line: &mut LastLine,
        answered: impl FnOnce() -> Answered<'a>,
    ) -> PyResult<Line> {
        let Some(native) = self.native(py, first)? else {
            return Ok(Line::Python);
        };
        let Some(lines) = &native.lines else {
            return Ok(Line::None);
        };
        let answered = answered();
        let environ = answered.environ.bind(py);
        let status = answered.status_code(py);
        if let Some(exclude) = &lines.exclude
            && exclude.leaves_out(status, &whole_path(environ)?)
        {
            return Ok(Line::None);
        }
        let now_ns = if lines.timed {
            net::clock::monotonic_ns()
        } else {
            answered.started_ns
        };
        let LastLine { line, last } = last_line;
        line.clear();
        let memory = if answered.repeated {
            last.memory(&lines.keys, environ)
        } else {
            Memory::None
        };
        let values = answered.values(py, &lines.keys, status, now_ns);
        // Lent, not locked: a value that is no str may run Python code, and that another thread.
        let mut stamp = std::mem::take(&mut *self.stamp());
        lines.format.render(&values, &mut stamp, line, memory);
        *self.stamp() = stamp;
        Ok(Line::Native)
    }

    /// What makes the lines of requests that are answered without the application: by the rules that
    /// hold for the others.
    pub(crate) fn unserved(
        &self,
        py: Python<'_>,
        config: &PythonConfig,
        ids: Option<Arc<RequestIds>>,
    ) -> PyResult<UnservedLog> {
        let Some(native) = &self.native else {
            return Ok(UnservedLog::python());
        };
        // The first of them may come before the first one that the application answers.
        native.ours.store(native.untouched(py)?, Ordering::Relaxed);
        let ours = Arc::clone(&native.ours);
        let Some(lines) = &native.lines else {
            return Ok(UnservedLog::none(ours));
        };
        let form = (Arc::clone(&lines.format), lines.exclude.clone());
        UnservedLog::native(py, ours, form, config, ids)
    }

    fn lines(&self) -> Option<&Lines> {
        self.native.as_ref()?.lines.as_ref()
    }

    fn stamp(&self) -> MutexGuard<'_, Stamp> {
        self.stamp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets Python write the line of an exchange.
    pub(crate) fn write(
        &self,
        py: Python<'_>,
        exchange: &Bound<'_, PyAny>,
        elapsed_ns: u64,
    ) -> PyResult<()> {
        let arguments = (exchange, elapsed_ns / 1000);
        self.object
            .bind(py)
            .call_method1(intern!(py, "write"), arguments)
            .map(drop)
    }
}

/// The form of the lines; `None` if Python has to write them.
fn compiled(object: &Bound<'_, PyAny>) -> PyResult<Option<Format>> {
    let py = object.py();
    if object.getattr(intern!(py, "json"))?.extract()? {
        let worker = object.getattr(intern!(py, "worker"))?.extract()?;
        return Ok(Some(Format::json(worker)));
    }
    let format: String = object.getattr(intern!(py, "format"))?.extract()?;
    Ok(Format::compile(&format))
}

/// What `access_log_exclude` compares: the decoded path, that the application is mounted at included.
fn whole_path(environ: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let mut path = Vec::new();
    for key in ["SCRIPT_NAME", "PATH_INFO"] {
        if let Some(part) = environ.get_item(key)? {
            let part = part.as_borrowed();
            if let Ok(text) = latin1_bytes(&part, "a path") {
                path.extend_from_slice(text);
            }
        }
    }
    Ok(path)
}

impl Native {
    /// `None` if Python has to write every line.
    fn new(object: &Bound<'_, PyAny>, template: &Bound<'_, PyDict>) -> PyResult<Option<Self>> {
        let py = object.py();
        let lines = if object.getattr(intern!(py, "wanted"))?.extract()? {
            let Some(format) = compiled(object)? else {
                return Ok(None);
            };
            Some(Lines::new(object, format, template)?)
        } else {
            None
        };
        Ok(Some(Self {
            ours: Arc::default(),
            logger: MethodSnapshot::new(object)?,
            lines,
        }))
    }

    #[inline]
    fn untouched(&self, py: Python<'_>) -> PyResult<bool> {
        if !self.logger.untouched(py) {
            return Ok(false);
        }
        self.lines
            .as_ref()
            .map_or(Ok(true), |lines| lines.untouched(py))
    }
}

impl Lines {
    fn new(
        object: &Bound<'_, PyAny>,
        format: Format,
        template: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let py = object.py();
        let target = object.getattr(intern!(py, "target"))?;
        let handlers = target.getattr(intern!(py, "handlers"))?;
        let handler = object.getattr(intern!(py, "handler"))?;
        let formatter = object.getattr(intern!(py, "formatter"))?;
        let keys = format
            .keys()
            .iter()
            .map(|key| Key::new(key, template))
            .collect();
        let entries: Vec<String> = object.getattr(intern!(py, "exclude"))?.extract()?;
        let sample = object.getattr(intern!(py, "sample"))?.extract()?;
        let exclude = Exclude::new(&entries, sample).map_err(|entry| {
            PyValueError::new_err(format!(
                "access_log_exclude: {entry:?} is no path or status"
            ))
        })?;
        Ok(Self {
            timed: format.timed(),
            format: Arc::new(format),
            exclude: (!exclude.is_empty()).then(|| Arc::new(exclude)),
            keys,
            handlers: handlers.extract()?,
            target: Snapshot::new(
                &target,
                ("handlers", handlers.clone()),
                &["propagate", "disabled"],
            )?,
            handler_own: Snapshot::new(&handler, ("formatter", formatter), &[])?,
            handler: handler.unbind(),
        })
    }

    /// The target has exactly our handler, with our formatter and no filter. Lists are compared as
    /// objects, which is cheaper than to look what they are: another one in their place is a
    /// change.
    #[inline]
    fn untouched(&self, py: Python<'_>) -> PyResult<bool> {
        let handlers = self.handlers.bind(py);
        Ok(handlers.len() == 1
            && handlers.get_item(0)?.is(&self.handler)
            && self.target.untouched(py)?
            && self.handler_own.untouched(py)?)
    }
}
