//! What workers have counted, as a Python value that can be added up.

use net::clock::seconds;
use net::tally::{self, DURATIONS_MS, HANDSHAKES, Histogram, PROTOCOLS, QUEUE_TIMES_MS, STREAMS};
use proto::h2::{BUDGETS, ErrorCode};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The counters of one worker, or of several together.
#[pyclass(frozen, module = "licorne._engine")]
#[derive(Default)]
pub(crate) struct Counts {
    inner: tally::Counts,
}

impl Counts {
    pub(crate) fn new(inner: tally::Counts) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Counts {
    #[new]
    fn zero() -> Self {
        Self::default()
    }

    #[classattr]
    #[pyo3(name = "DURATIONS")]
    fn durations_bounds(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        bounds(py, &DURATIONS_MS)
    }

    #[classattr]
    #[pyo3(name = "QUEUE_TIMES")]
    fn queue_times_bounds(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        bounds(py, &QUEUE_TIMES_MS)
    }

    #[classattr]
    #[pyo3(name = "PROTOCOLS")]
    fn protocol_names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &PROTOCOLS)
    }

    #[classattr]
    #[pyo3(name = "HANDSHAKES")]
    fn handshake_names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &HANDSHAKES)
    }

    #[classattr]
    #[pyo3(name = "STREAMS")]
    fn stream_names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &STREAMS)
    }

    #[classattr]
    #[pyo3(name = "GOAWAYS")]
    fn goaway_names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &ErrorCode::NAMES)
    }

    #[classattr]
    #[pyo3(name = "BUDGETS")]
    fn budget_names(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &BUDGETS)
    }

    fn __add__(&self, other: &Self) -> Self {
        Self::new(self.inner.plus(&other.inner))
    }

    #[getter]
    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.requests)
    }

    #[getter]
    fn durations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        buckets(py, &self.inner.durations, DURATIONS_MS.len())
    }

    #[getter]
    fn durations_sum(&self) -> f64 {
        seconds(self.inner.durations.sum_ns)
    }

    #[getter]
    fn queue_times<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        buckets(py, &self.inner.queue_times, QUEUE_TIMES_MS.len())
    }

    #[getter]
    fn queue_times_sum(&self) -> f64 {
        seconds(self.inner.queue_times.sum_ns)
    }

    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.connections.protocols)
    }

    #[getter]
    fn handshakes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.connections.handshakes)
    }

    #[getter]
    fn streams<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.connections.streams)
    }

    #[getter]
    fn goaways<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.connections.goaways)
    }

    #[getter]
    fn budgets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.connections.budgets)
    }

    #[getter]
    fn bytes_in(&self) -> u64 {
        self.inner.bytes_in
    }

    #[getter]
    fn bytes_out(&self) -> u64 {
        self.inner.bytes_out
    }

    #[getter]
    fn accepted(&self) -> u64 {
        self.inner.accepted
    }

    #[getter]
    fn refused(&self) -> u64 {
        self.inner.refused
    }

    #[getter]
    fn timeouts(&self) -> u64 {
        self.inner.timeouts
    }

    #[getter]
    fn sent_back(&self) -> u64 {
        self.inner.sent_back
    }

    #[getter]
    fn given(&self) -> u64 {
        self.inner.given
    }

    #[getter]
    fn taken(&self) -> u64 {
        self.inner.taken
    }

    #[getter]
    fn shed(&self) -> u64 {
        self.inner.shed
    }

    #[getter]
    fn abandoned(&self) -> u64 {
        self.inner.abandoned
    }
}

fn names(py: Python<'_>, names: &[&str]) -> PyResult<Py<PyTuple>> {
    Ok(PyTuple::new(py, names)?.unbind())
}

/// Upper bounds in seconds.
fn bounds(py: Python<'_>, bounds_ms: &[u64]) -> PyResult<Py<PyTuple>> {
    let in_seconds = bounds_ms.iter().map(|&bound| seconds(bound * 1_000_000));
    let in_seconds: Vec<f64> = in_seconds.collect();
    Ok(PyTuple::new(py, in_seconds)?.unbind())
}

/// One number for each bound and one for what is above, also where nothing was counted yet.
fn buckets<'py>(
    py: Python<'py>,
    histogram: &Histogram,
    bounds: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let mut buckets = histogram.buckets.clone();
    buckets.resize(bounds + 1, 0);
    PyTuple::new(py, buckets)
}
