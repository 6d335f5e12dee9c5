//! A charge at the simulated provider, and what may be done with it.

use kit::Time;
use sea_orm::entity::prelude::*;

use super::fault::{Figure, Operation};

/// The payment methods; the first is the default.
pub const METHODS: [&str; 5] = [APPROVE, "sim_decline", "sim_insufficient", "sim_slow", "sim_action"];
const APPROVE: &str = "sim_approve";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "simulator_charges")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reference: String,
    /// The id that the merchant gave it.
    pub merchant_id: String,
    pub amount_minor: i64,
    pub currency: String,
    pub method: String,
    pub status: Status,
    pub decline_reason: String,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub action_token: Option<String>,
    /// What the customer did: empty, `approve` or `decline`.
    pub action_outcome: String,
    /// When `processing` becomes `authorized`.
    pub ready_time: Time,
    pub create_time: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum Status {
    #[sea_orm(string_value = "processing")]
    Processing,
    #[sea_orm(string_value = "waiting")]
    Waiting,
    #[sea_orm(string_value = "authorized")]
    Authorized,
    #[sea_orm(string_value = "captured")]
    Captured,
    #[sea_orm(string_value = "declined")]
    Declined,
    #[sea_orm(string_value = "voided")]
    Voided,
}

impl Status {
    /// As the protocol names it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Processing => "processing",
            Status::Waiting => "waiting",
            Status::Authorized => "authorized",
            Status::Captured => "captured",
            Status::Declined => "declined",
            Status::Voided => "voided",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Capture,
    Void,
    Acknowledge,
    /// So many minor units.
    Refund(i64),
    Approve,
    Decline,
}

impl Act {
    /// What of it can go wrong.
    pub fn operation(self) -> Option<Operation> {
        match self {
            Act::Capture => Some(Operation::Capture),
            Act::Void => Some(Operation::Void),
            Act::Acknowledge => Some(Operation::Acknowledge),
            Act::Refund(_) => Some(Operation::Refund),
            Act::Approve | Act::Decline => None,
        }
    }
}

/// It cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Illegal;

/// A new charge's request.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    pub id: String,
    pub amount_minor: i64,
    pub currency: String,
    #[serde(default)]
    pub method: String,
}

impl NewCharge {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            _ if !(1..=64).contains(&self.id.len()) => Some("invalid_id"),
            _ if self.amount_minor < 0 => Some("invalid_amount"),
            _ if self.currency.parse::<kit::Currency>().is_err() => Some("invalid_currency"),
            _ if !self.method.is_empty() && !METHODS.contains(&self.method.as_str()) => {
                Some("invalid_method")
            }
            _ => None,
        }
    }

    /// The charge that its method makes of it. `slow` is how long `sim_slow` takes.
    pub fn charge(&self, reference: String, token: String, now: Time, slow: std::time::Duration) -> Model {
        let method = if self.method.is_empty() { APPROVE } else { &self.method };
        let (status, decline_reason) = match method {
            "sim_decline" => (Status::Declined, "DECLINED"),
            "sim_insufficient" => (Status::Declined, "INSUFFICIENT_FUNDS"),
            "sim_slow" => (Status::Processing, ""),
            "sim_action" => (Status::Waiting, ""),
            _ => (Status::Authorized, ""),
        };
        Model {
            reference,
            merchant_id: self.id.clone(),
            amount_minor: self.amount_minor,
            currency: self.currency.clone(),
            method: method.to_owned(),
            status,
            decline_reason: decline_reason.to_owned(),
            captured_minor: 0,
            refunded_minor: 0,
            action_token: (status == Status::Waiting).then_some(token),
            action_outcome: String::new(),
            ready_time: if status == Status::Processing { now + slow } else { now },
            create_time: now,
        }
    }
}

impl Model {
    /// The charge as it is at a time: what was slow is ready in the end.
    pub fn at(mut self, now: Time) -> Self {
        if self.status == Status::Processing && self.ready_time <= now {
            self.status = Status::Authorized;
        }
        self
    }

    /// Does something with it, in another size than was asked for where that is commanded. What it said of a refund's
    /// own size is the answer.
    pub fn act_faultily(&mut self, act: Act, figure: Figure) -> Result<(i64, String), Illegal> {
        let before = self.clone();
        self.act(act)?;
        let currency = figure.currency.map_or_else(|| before.currency.clone(), |it| it.code().to_owned());
        let minor = match act {
            Act::Refund(minor) => {
                let minor = figure.amount_minor.unwrap_or(minor);
                let left = before.captured_minor - before.refunded_minor;
                self.refunded_minor = before.refunded_minor + minor.clamp(0, left);
                minor
            }
            Act::Capture | Act::Acknowledge if self.status != before.status => {
                let minor = figure.amount_minor.unwrap_or(self.captured_minor);
                self.captured_minor = minor.clamp(0, self.amount_minor);
                self.currency.clone_from(&currency);
                self.captured_minor
            }
            _ => 0,
        };
        Ok((minor, currency))
    }

    /// Does something with it. What was done before is done again without effect, refunds aside.
    pub fn act(&mut self, act: Act) -> Result<(), Illegal> {
        match (act, self.status) {
            (Act::Capture, Status::Authorized) | (Act::Acknowledge, Status::Waiting | Status::Authorized) => {
                self.status = Status::Captured;
                self.captured_minor = self.amount_minor;
                if act == Act::Acknowledge {
                    self.action_outcome = "approve".to_owned();
                }
            }
            (Act::Capture | Act::Acknowledge, Status::Captured) => {}
            (Act::Void, Status::Processing | Status::Waiting | Status::Authorized) => {
                self.status = Status::Voided
            }
            (Act::Void, Status::Voided | Status::Declined) => {}
            (Act::Refund(minor), Status::Captured)
                if minor > 0 && minor <= self.captured_minor - self.refunded_minor =>
            {
                self.refunded_minor += minor;
            }
            (Act::Approve, _) if self.action_outcome == "approve" => {}
            (Act::Decline, _) if self.action_outcome == "decline" => {}
            (Act::Approve, Status::Waiting) => {
                self.status = Status::Authorized;
                self.action_outcome = "approve".to_owned();
            }
            (Act::Decline, Status::Waiting) => {
                self.status = Status::Declined;
                self.decline_reason = "DECLINED".to_owned();
                self.action_outcome = "decline".to_owned();
            }
            _ => return Err(Illegal),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn charge(method: &str) -> Model {
        let new = NewCharge {
            id: "pay_1".to_owned(),
            amount_minor: 100,
            currency: "EUR".to_owned(),
            method: method.to_owned(),
        };
        assert_eq!(new.problem(), None);
        new.charge("sim_1".to_owned(), "token".to_owned(), Time(0), Duration::from_secs(8))
    }

    #[test]
    fn each_method_plays_its_part() {
        assert_eq!(charge("").status, Status::Authorized);
        assert_eq!(charge("sim_decline").decline_reason, "DECLINED");
        assert_eq!(charge("sim_insufficient").decline_reason, "INSUFFICIENT_FUNDS");
        let slow = charge("sim_slow");
        assert_eq!(slow.clone().at(Time(7_999_999)).status, Status::Processing);
        assert_eq!(slow.at(Time(8_000_000)).status, Status::Authorized);
    }

    #[test]
    fn an_action_has_one_outcome_which_may_be_repeated() {
        let mut waiting = charge("sim_action");
        assert_eq!(waiting.act(Act::Capture), Err(Illegal));
        assert_eq!(waiting.act(Act::Approve), Ok(()));
        assert_eq!(waiting.act(Act::Approve), Ok(()));
        assert_eq!(waiting.act(Act::Decline), Err(Illegal));
        assert_eq!(waiting.status, Status::Authorized);
    }

    #[test]
    fn a_commanded_figure_never_takes_or_gives_more_than_there_is() {
        let commanded = |minor| Figure { amount_minor: Some(minor), currency: "USD".parse().ok() };
        let usd = |minor| Ok((minor, "USD".to_owned()));
        let mut taken = charge("");
        assert_eq!(taken.act_faultily(Act::Capture, commanded(60)), usd(60));
        assert_eq!((taken.captured_minor, taken.currency.as_str()), (60, "USD"));
        assert_eq!(taken.act_faultily(Act::Refund(61), commanded(1)), Err(Illegal));
        assert_eq!(taken.act_faultily(Act::Refund(10), commanded(500)), usd(500));
        assert_eq!(taken.refunded_minor, 60);
        let mut more = charge("");
        assert_eq!(more.act_faultily(Act::Capture, commanded(500)), usd(100));
        let mut nothing = charge("");
        nothing.act(Act::Capture).unwrap();
        assert_eq!(nothing.act_faultily(Act::Refund(10), commanded(0)), usd(0));
        assert_eq!(nothing.act_faultily(Act::Refund(10), Figure::default()), Ok((10, "EUR".to_owned())));
        assert_eq!(nothing.refunded_minor, 10);
    }

    #[test]
    fn a_captured_charge_is_not_voided_and_never_gives_back_more_than_it_has() {
        let mut charge = charge("");
        assert_eq!(charge.act(Act::Capture), Ok(()));
        assert_eq!(charge.act(Act::Void), Err(Illegal));
        assert_eq!(charge.act(Act::Refund(60)), Ok(()));
        assert_eq!(charge.act(Act::Refund(60)), Err(Illegal));
        assert_eq!(charge.act(Act::Refund(40)), Ok(()));
        assert_eq!(charge.refunded_minor, 100);
    }
}
