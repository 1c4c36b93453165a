//! Access log lines: to the writer, and its errors to the error log.

use std::io;
use std::os::fd::RawFd;

use super::Reactor;
use crate::notice::Level;

impl Reactor {
    /// Where native access log lines go; `None` nowhere.
    pub(crate) fn set_log(&mut self, fd: Option<RawFd>) {
        self.flush_log();
        let directed = self.log.direct(fd, self.config.polled);
        self.report_log_error(directed.err());
    }

    /// Adds a line to the access log.
    #[inline]
    pub(crate) fn log_line(&mut self, line: &[u8]) {
        let error = self.log.add(line, self.now_ns);
        self.report_log_error(error);
    }

    pub(crate) fn flush_log(&mut self) {
        let error = self.log.write();
        self.report_log_error(error);
    }

    #[inline]
    fn report_log_error(&mut self, error: Option<io::Error>) {
        if let Some(error) = error {
            let text = format!("Cannot write the access log: {error}");
            self.notices.push(Level::Error, text);
        }
    }
}
