//! Signals: an interruption ends a run at a good moment, USR1 asks for the status.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::exit::Exit;

/// Whether an interruption waits for a good moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// It ends the program at once: nothing is lost by that.
    AtOnce,
    /// The first one asks, the second one ends it at once.
    Asks,
}

/// What was signalled.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    interrupted: Arc<AtomicBool>,
    status: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on. Where the system does not let us, signals do what they always do.
    pub fn listen(interruption: Interruption) -> Self {
        let signals = Self::default();
        let _ = flag::register(SIGUSR1, Arc::clone(&signals.status));
        if interruption == Interruption::Asks {
            let code = i32::from(Exit::Interrupted.code());
            for signal in [SIGINT, SIGTERM] {
                let asked = &signals.interrupted;
                let _ = flag::register_conditional_shutdown(signal, code, Arc::clone(asked));
                let _ = flag::register(signal, Arc::clone(asked));
            }
        }
        signals
    }

    /// Whether somebody asked to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Whether somebody asked for the status since the last call.
    pub fn take_status(&self) -> bool {
        self.status.load(Ordering::Relaxed) && self.status.swap(false, Ordering::Relaxed)
    }
}
