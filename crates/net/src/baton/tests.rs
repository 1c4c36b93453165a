//! The protocol of the baton, by all schedules of a few steps.

use super::model::Model;

pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(super) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
pub(super) const BLOCK: &str = "5\r\nblock\r\n";

/// What a model begins with.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) threads: usize,
    pub(super) clients: usize,
    /// Requests that each client sends at once.
    pub(super) pipelined: usize,
    /// The application is known to wait, so that threads share the requests.
    pub(super) shares: bool,
    /// The application uses the processor all the time.
    pub(super) computes: bool,
    /// Each block of a response is more than its client takes at once.
    pub(super) large: bool,
}

impl Shape {
    pub(super) const fn new(threads: usize, clients: usize) -> Self {
        Self {
            threads,
            clients,
            pipelined: 1,
            shares: false,
            computes: false,
            large: false,
        }
    }
}

/// Tries every schedule of `length` steps, and after each of them every thread that could be stuck.
/// Returns their number.
fn explore(shape: Shape, length: usize) -> usize {
    let mut choices: Vec<usize> = Vec::new();
    let mut count = 0;
    loop {
        let mut model = Model::new(shape);
        let mut steps = Vec::new();
        let mut widths = Vec::new();
        let run = std::panic::AssertUnwindSafe(|| {
            for depth in 0..length {
                let possible = model.possible();
                let choice = choices.get(depth).copied().unwrap_or(0);
                widths.push(possible.len());
                steps.push(possible[choice]);
                model.perform(possible[choice]);
                model.check();
            }
            let running = model.running().into_iter().map(Some);
            let stuck: Vec<_> = std::iter::once(None).chain(running).collect();
            widths.push(stuck.len());
            model.stuck = stuck[choices.get(length).copied().unwrap_or(0)];
            model.settle();
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("the schedule: {steps:?}; stuck: {:?}", model.stuck);
            std::panic::resume_unwind(panic);
        }
        count += 1;
        choices.resize(widths.len(), 0);
        // The next one in order: the last step that has another alternative takes it.
        while let Some(last) = choices.pop() {
            if last + 1 < widths[choices.len()] {
                choices.push(last + 1);
                break;
            }
        }
        if choices.is_empty() {
            return count;
        }
    }
}

#[test]
fn one_thread() {
    assert!(explore(Shape::new(1, 2), 11) > 1_000);
}

#[test]
fn two_threads() {
    assert!(explore(Shape::new(2, 2), 9) > 3_000);
}

#[test]
fn two_threads_that_share() {
    let mut shape = Shape::new(2, 2);
    shape.shares = true;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn two_threads_that_compute() {
    let mut shape = Shape::new(2, 2);
    shape.computes = true;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn two_threads_and_pipelined_requests() {
    let mut shape = Shape::new(2, 2);
    shape.pipelined = 2;
    assert!(explore(shape, 9) > 3_000);
}

#[test]
fn three_threads() {
    assert!(explore(Shape::new(3, 3), 7) > 3_000);
}

#[test]
fn two_threads_that_wait_for_their_clients() {
    let mut shape = Shape::new(2, 2);
    shape.large = true;
    assert!(explore(shape, 7) > 300);
}
