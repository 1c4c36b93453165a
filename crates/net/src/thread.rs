//! Threads that take no signals, and what the system knows of the calling one.

use std::ffi::CString;
use std::io;
use std::thread::{Builder, JoinHandle};

/// Bytes of a name that the system shows: Linux keeps 15 (`pthread_setname_np(3)`).
const NAME_LENGTH: usize = if cfg!(target_os = "linux") { 15 } else { 63 };

/// The shortest slice of processor time that Linux gives, in ns.
#[cfg(target_os = "linux")]
const SHORTEST_SLICE_NS: u64 = 100_000;

/// Starts a native thread. Signals are for the main thread, where Python handles them and whose
/// system call they end: this one never takes any.
///
/// # Errors
///
/// The system has no room for another thread.
pub(crate) fn spawn(
    builder: Builder,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // It inherits the mask. Were they blocked by the thread itself, a signal that comes while it
    // starts would be its own, and the main thread would sleep on.
    let before = block_signals();
    let started = builder.spawn(run);
    // SAFETY: the set is what `block_signals` was given; the mask is that of the calling thread.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    started
}

/// Blocks all signals in the calling thread; gives what was blocked before.
fn block_signals() -> libc::sigset_t {
    // SAFETY: both sets are plain memory; changing this thread's mask affects no other one.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before = all;
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
        before
    }
}

/// Names the calling thread for `top -H`, debuggers and profilers; what is too long is cut.
pub fn set_name(name: &str) {
    let text = name.split('\0').next().unwrap_or_default();
    let mut end = text.len().min(NAME_LENGTH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let Ok(shown) = CString::new(&text[..end]) else {
        return;
    };
    // SAFETY: the name ends with NUL and is copied; the thread is the calling one. It cannot fail:
    // the name is not too long.
    unsafe {
        #[cfg(target_os = "macos")]
        libc::pthread_setname_np(shown.as_ptr());
        #[cfg(not(target_os = "macos"))]
        libc::pthread_setname_np(libc::pthread_self(), shown.as_ptr());
    }
}

/// How often the calling thread has given its processor up in order to wait for something
/// (`ru_nvcsw`, `getrusage(2)`); 0 where the system does not say it of threads.
pub(crate) fn waits() -> u64 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the struct is plain memory, which the call fills.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
            usage
        };
        u64::try_from(usage.ru_nvcsw).unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// Asks for the processor at once when the calling thread wakes, and for a short time: from Linux 6.12
/// on it goes before one that computes, which keeps its slice of milliseconds otherwise
/// (`sched_runtime`, `sched_setattr(2)`). Where the system does not know or permit that, the thread
/// waits as any other.
pub(crate) fn wake_soon() {
    #[cfg(target_os = "linux")]
    if let Some(mut attributes) = scheduling()
        && attributes.sched_policy == libc::SCHED_OTHER.cast_unsigned()
    {
        attributes.sched_runtime = SHORTEST_SLICE_NS;
        // SAFETY: the struct says its size, and is only read; the thread is the calling one.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// How the calling thread is given the processor (`sched_getattr(2)`), if the system says it.
#[cfg(target_os = "linux")]
fn scheduling() -> Option<libc::sched_attr> {
    // SAFETY: the struct is plain memory, which the call fills and whose size it is told.
    unsafe {
        let mut attributes: libc::sched_attr = std::mem::zeroed();
        let size = size_of::<libc::sched_attr>();
        let got = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0);
        (got == 0).then_some(attributes)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use super::{SHORTEST_SLICE_NS, scheduling, wake_soon};
    use super::{set_name, spawn, waits};

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_waits_is_counted() {
        let before = waits();
        std::thread::sleep(std::time::Duration::from_millis(1));
        assert!(waits() > before);
    }

    #[cfg(target_os = "linux")]
    fn blocked() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").expect("/proc");
        let line = status.lines().find(|line| line.starts_with("SigBlk:"));
        let set = line.and_then(|line| line.split_whitespace().nth(1));
        u64::from_str_radix(set.expect("proc_pid_status(5)"), 16).expect("a number")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_native_thread_has_all_signals_blocked_from_its_beginning() {
        let bit = |number: i32| 1 << (number - 1);
        let signals = [libc::SIGTERM, libc::SIGQUIT, libc::SIGALRM, libc::SIGUSR1];
        let all: u64 = signals.into_iter().map(bit).sum();
        let before = blocked();
        let (sender, receiver) = std::sync::mpsc::channel();
        let builder = std::thread::Builder::new();
        let thread = spawn(builder, move || sender.send(blocked()).expect("awaited"));
        assert_eq!(receiver.recv().expect("told") & all, all);
        thread.expect("started").join().expect("the thread ends");
        assert_eq!(blocked(), before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_wakes_soon_has_the_shortest_slice_where_there_are_some() {
        let before = scheduling().expect("Linux 3.14");
        let thread = std::thread::spawn(|| {
            wake_soon();
            scheduling()
        });
        let after = thread.join().expect("the thread ends").expect("as before");
        // Older systems say 0, whatever is asked for.
        let expected = before.sched_runtime.min(SHORTEST_SLICE_NS);
        assert_eq!(after.sched_runtime, expected);
        assert_eq!(after.sched_nice, before.sched_nice);
    }

    #[cfg(target_os = "linux")]
    fn shown(name: &'static str) -> String {
        let thread = std::thread::spawn(move || {
            set_name(name);
            std::fs::read_to_string("/proc/thread-self/comm")
        });
        let comm = thread.join().expect("the thread ends").expect("/proc");
        comm.trim_end().to_owned()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_is_cut_to_what_the_system_keeps() {
        assert_eq!(shown("licorne-app-3"), "licorne-app-3");
        assert_eq!(shown("ThreadPoolExecutor-0_0"), "ThreadPoolExecu");
        assert_eq!(shown("fourteen bytes\u{e9}"), "fourteen bytes");
        assert_eq!(shown("before\0after"), "before");
    }
}
