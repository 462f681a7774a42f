//! A clock that wakes the event loop to the microsecond: `epoll_wait` alone counts in whole milliseconds, which would be part of every
//! latency that is measured from when a message was due.

#[cfg(target_os = "linux")]
pub(crate) use exact::Timer;
#[cfg(not(target_os = "linux"))]
pub(crate) use rough::Timer;

#[cfg(target_os = "linux")]
mod exact {
    use std::{
        io,
        os::fd::{AsRawFd, OwnedFd},
        time::Duration,
    };

    use mio::{Interest, Registry, Token, unix::SourceFd};
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};

    #[derive(Debug)]
    pub(crate) struct Timer(OwnedFd);

    impl Timer {
        pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self(timer))
        }

        /// Wakes the loop after this time, and not before; an earlier order is forgotten. Answers how long the poll itself may wait.
        pub(crate) fn wakes_after(&self, wait: Duration) -> io::Result<Option<Duration>> {
            let it_value = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()).max(1) };
            let once = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            Ok(None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod rough {
    use std::{io, time::Duration};

    use mio::{Registry, Token};

    #[derive(Debug)]
    pub(crate) struct Timer;

    impl Timer {
        pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) fn wakes_after(&self, wait: Duration) -> io::Result<Option<Duration>> {
            Ok(Some(wait))
        }
    }
}
