//! How far a request has come, and what it waits for.

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The next event of `receive()`.
    Event,
    /// Room for more of the response.
    Room,
    /// Nothing: what was sent is dropped, a turn of the loop later.
    Turn,
}

/// How far the response has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing of it was given.
    Head,
    /// Its start was given.
    Body,
    /// Its body is complete, and trailers were announced.
    Trailers,
    /// It is complete, or will never be.
    Over,
}
