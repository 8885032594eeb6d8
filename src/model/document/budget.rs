//! Budgets: what a loop may cost before a person is asked.

use serde::{Deserialize, Serialize};

use crate::model::Refusal;
use crate::model::document::Metrics;

/// What a cycle may cost and how long its phases may take, as they report it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The greatest cost, in the caller's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// The greatest sum of the times that phases report, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<f64>,
}

impl Budget {
    /// Makes a budget, or refuses a limit that is no positive number.
    pub fn new(max_cost: Option<f64>, max_minutes: Option<f64>) -> Result<Self, Refusal> {
        for (name, limit) in [("max_cost", max_cost), ("max_minutes", max_minutes)] {
            if limit.is_some_and(|limit| !limit.is_finite() || limit <= 0.0) {
                let message = format!("{name} is no positive number");
                return Err(Refusal::argument(message, "pass a number above 0, or leave it out"));
            }
        }
        Ok(Self { max_cost, max_minutes })
    }

    /// Returns the budget of the next cycle: the tighter one of each limit.
    #[must_use]
    pub fn tightened_by(&self, other: &Self) -> Self {
        let tighter = |one: Option<f64>, other: Option<f64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            max_cost: tighter(self.max_cost, other.max_cost),
            max_minutes: tighter(self.max_minutes, other.max_minutes),
        }
    }

    /// Returns whether it limits nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether the work so far has reached a limit.
    pub fn is_reached(&self, metrics: &Metrics) -> bool {
        let minutes = metrics.cumulative_time_seconds / 60.0;
        let reached = |limit: Option<f64>, so_far: f64| limit.is_some_and(|limit| so_far >= limit);
        reached(self.max_cost, metrics.cumulative_cost) || reached(self.max_minutes, minutes)
    }

    /// Returns the budget that a person grants in addition: as much again, from here on.
    #[must_use]
    pub fn raised(&self, metrics: &Metrics) -> Self {
        let minutes = metrics.cumulative_time_seconds / 60.0;
        let raise = |limit: Option<f64>, so_far: f64| limit.map(|limit| limit.max(so_far) + limit);
        Self {
            max_cost: raise(self.max_cost, metrics.cumulative_cost),
            max_minutes: raise(self.max_minutes, minutes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_reached_by_cost_or_time() {
        let spent = |cost: f64, minutes: f64| Metrics {
            cumulative_cost: cost,
            cumulative_time_seconds: minutes * 60.0,
        };
        let budget = Budget::new(Some(2.0), Some(10.0)).unwrap();
        assert!(!budget.is_reached(&spent(1.9, 9.0)));
        assert!(budget.is_reached(&spent(2.0, 0.0)) && budget.is_reached(&spent(0.0, 10.0)));
        let raised = budget.raised(&spent(2.5, 4.0));
        assert_eq!(raised, Budget { max_cost: Some(4.5), max_minutes: Some(20.0) });
        assert!(!raised.is_reached(&spent(2.5, 4.0)));
        let next = budget.tightened_by(&Budget { max_cost: Some(9.0), max_minutes: Some(1.0) });
        assert_eq!(next, Budget { max_cost: Some(2.0), max_minutes: Some(1.0) });
        assert!(!Budget::default().is_reached(&spent(1e9, 1e9)));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Budget::new(Some(wrong), None).is_err(), "{wrong}");
        }
    }
}
