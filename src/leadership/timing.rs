//! How long a lease holds, and what follows from it.

use std::time::Duration;

/// No call takes longer, however long the lease is: whoever does not answer by then is not going to.
const LONGEST_CALL: Duration = Duration::from_secs(30);
/// A lease that was not renewed on the first attempt is tried again at least once more before the deadline.
const ATTEMPTS: u32 = 2;

/// The three periods of an election, checked against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    lease: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// Periods that do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// The Lease counts whole seconds, and nothing else has a meaning below that.
    #[error("the retry period must be at least 1s")]
    RetryTooShort,
    /// One failed attempt would be the end.
    #[error("the renew deadline ({0:?}) must be at least twice the retry period ({1:?})")]
    DeadlineTooShort(Duration, Duration),
    /// The process could not end in time.
    #[error("the lease duration ({0:?}) must be longer than the renew deadline ({1:?})")]
    LeaseTooShort(Duration, Duration),
    /// The API server takes 32 bits.
    #[error("the lease duration must be at most 1h")]
    LeaseTooLong,
}

impl Timing {
    /// The longest lease: longer ones make no sense and would leave a cluster without an operator for as long.
    const LONGEST_LEASE: Duration = Duration::from_secs(3600);

    /// Periods of whole seconds: how long others wait without a change before they take the lease, how long its holder
    /// tries to renew it before it gives up, and how often it renews it.
    ///
    /// # Errors
    /// When one of them is too short for the others.
    pub fn new(lease: Duration, renew_deadline: Duration, retry_period: Duration) -> Result<Self, TimingError> {
        if retry_period < Duration::from_secs(1) {
            return Err(TimingError::RetryTooShort);
        }
        if renew_deadline < retry_period * ATTEMPTS {
            return Err(TimingError::DeadlineTooShort(renew_deadline, retry_period));
        }
        if lease <= renew_deadline {
            return Err(TimingError::LeaseTooShort(lease, renew_deadline));
        }
        if lease > Self::LONGEST_LEASE {
            return Err(TimingError::LeaseTooLong);
        }
        Ok(Self { lease, renew_deadline, retry_period })
    }

    /// How long others wait without seeing a change before they take the lease.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// How long the holder may fail to renew it before it ends.
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// How often it is renewed, and the pause after an attempt that failed.
    pub fn retry_period(&self) -> Duration {
        self.retry_period
    }

    /// How long a call to the API server or to GitLab may take: half of the lease, so that a lease that is renewed in time always
    /// has enough left to begin one.
    pub fn call_timeout(&self) -> Duration {
        LONGEST_CALL.min(self.lease / 2)
    }

    /// How long a call about the Lease itself may take: short enough for another attempt before the deadline.
    pub fn lease_call_timeout(&self) -> Duration {
        self.renew_deadline / ATTEMPTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(lease: u64, renew_deadline: u64, retry_period: u64) -> Result<Timing, TimingError> {
        let [lease, renew_deadline, retry_period] = [lease, renew_deadline, retry_period].map(Duration::from_secs);
        Timing::new(lease, renew_deadline, retry_period)
    }

    #[test]
    fn a_lease_that_is_renewed_in_time_always_has_enough_left_for_a_call() {
        for lease in 1..50 {
            for renew_deadline in 0..50 {
                for retry_period in 0..50 {
                    let Ok(timing) = timing(lease, renew_deadline, retry_period) else { continue };
                    let left = timing.lease() - timing.retry_period();
                    assert!(left > timing.call_timeout(), "{timing:?}");
                    assert!(timing.lease_call_timeout() >= timing.retry_period(), "{timing:?}");
                }
            }
        }
    }

    #[test]
    fn periods_that_do_not_fit_together_are_refused() {
        assert!(timing(30, 20, 5).is_ok());
        assert!(timing(3, 2, 1).is_ok());
        assert_eq!(timing(30, 20, 0), Err(TimingError::RetryTooShort));
        assert!(matches!(timing(30, 5, 3), Err(TimingError::DeadlineTooShort(..))));
        assert!(matches!(timing(20, 20, 5), Err(TimingError::LeaseTooShort(..))));
        assert_eq!(timing(3601, 20, 5), Err(TimingError::LeaseTooLong));
    }
}
