//! Percentiles, and durations in words.

use std::time::Duration;

use serde::Serialize;

/// Some durations in short, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The median.
    pub p50: f64,
    /// Of a hundred, the second longest.
    pub p99: f64,
    /// The longest.
    pub longest: f64,
}

impl Spread {
    /// Of these durations.
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at = |share: f64| {
            let index = (share * durations.len() as f64).ceil() as usize;
            durations.get(index.saturating_sub(1)).map_or(0.0, |duration| milliseconds(*duration))
        };
        Self { count: durations.len(), p50: at(0.5), p99: at(0.99), longest: at(1.0) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms", self.p50, self.p99, self.longest)
    }
}

/// A duration in milliseconds.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let spread = Spread::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!((spread.count, spread.p50, spread.p99, spread.longest), (100, 50.0, 99.0, 100.0));
        assert_eq!(Spread::of(Vec::new()).longest, 0.0);
    }
}
