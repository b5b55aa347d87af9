//! The ramp: a first insert under a wrong key cannot be taken back, so a table opens step by step.

use crate::finding::Text;
use crate::store::{RampState, RampStep, Stock};

/// Rows that a step lets through in all; `None` for any number.
pub fn quota(step: RampStep) -> Option<u64> {
    match step {
        RampStep::Closed => Some(0),
        RampStep::Canary => Some(20),
        RampStep::Limited => Some(1_000),
        RampStep::Open => None,
    }
}

/// Rows that may still go in the current step.
pub fn allowance(state: &RampState) -> u64 {
    quota(state.step).map_or(u64::MAX, |quota| quota.saturating_sub(state.used))
}

/// The step that the owner may approve next.
///
/// # Errors
/// Why not yet: every row sent in the current step must be stored.
pub fn advance(state: &RampState, stock: &Stock) -> Result<RampStep, Text> {
    let next = match state.step {
        RampStep::Closed => return Ok(RampStep::Canary),
        RampStep::Canary => RampStep::Limited,
        RampStep::Limited => RampStep::Open,
        RampStep::Open => return Err(Text::new("该表已完全开放", "the table is open already")),
    };
    if state.used == 0 && stock.waiting > 0 {
        return Err(Text::new("本阶段还没有发送过数据", "nothing was sent in this step yet"));
    }
    let open = stock.in_flight + stock.unknown;
    if open > 0 {
        return Err(Text::new(
            format!("还有 {open} 行没有平台的结论，待全部入库后再批准"),
            format!("{open} rows are without a verdict; approve once all are stored"),
        ));
    }
    if stock.refused > 0 {
        return Err(Text::new(
            format!("有 {} 行被平台拒收，请先更正", stock.refused),
            format!("{} rows were refused by the platform; have them corrected first", stock.refused),
        ));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_opens_only_when_all_is_stored() {
        let state = |step, used| RampState { step, used, why: None };
        let stock = |in_flight, refused| Stock { in_flight, refused, waiting: 5, ..Stock::default() };
        assert_eq!(allowance(&state(RampStep::Canary, 15)), 5);
        assert_eq!(allowance(&state(RampStep::Limited, 5_000)), 0);
        assert_eq!(advance(&state(RampStep::Closed, 0), &stock(0, 0)), Ok(RampStep::Canary));
        assert_eq!(advance(&state(RampStep::Canary, 20), &stock(0, 0)), Ok(RampStep::Limited));
        assert_eq!(advance(&state(RampStep::Limited, 20), &stock(0, 0)), Ok(RampStep::Open));
        for (used, stock) in [(20, stock(1, 0)), (20, stock(0, 1)), (0, stock(0, 0))] {
            assert!(advance(&state(RampStep::Canary, used), &stock).is_err());
        }
        assert!(advance(&state(RampStep::Open, 0), &stock(0, 0)).is_err());
    }
}
