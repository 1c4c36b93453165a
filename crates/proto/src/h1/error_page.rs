//! The page that a refused peer sees, in gunicorn's shape.

/// Appends a whole response: an HTML page with `reason` as title and `message` as text.
pub fn error_page(out: &mut Vec<u8>, status: u16, reason: &str, message: &str) {
    let _ = (out, status, reason, message);
}
