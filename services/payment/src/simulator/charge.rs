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
    /// Whether it is captured as soon as it is authorized.
    pub capture: bool,
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
    /// Takes the money as soon as it is held.
    #[serde(default)]
    pub capture: bool,
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
        let charge = Model {
            reference,
            merchant_id: self.id.clone(),
            amount_minor: self.amount_minor,
            currency: self.currency.clone(),
            method: method.to_owned(),
            capture: self.capture,
            status,
            decline_reason: decline_reason.to_owned(),
            captured_minor: 0,
            refunded_minor: 0,
            action_token: (status == Status::Waiting).then_some(token),
            action_outcome: String::new(),
            ready_time: if status == Status::Processing { now + slow } else { now },
            create_time: now,
        };
        if status == Status::Authorized { charge.authorized() } else { charge }
    }
}

impl Model {
    /// The charge as it is at a time: what was slow is ready in the end.
    pub fn at(self, now: Time) -> Self {
        if self.status == Status::Processing && self.ready_time <= now { self.authorized() } else { self }
    }

    /// The money is held, or taken at once.
    fn authorized(mut self) -> Self {
        self.status = Status::Authorized;
        if self.capture {
            (self.status, self.captured_minor) = (Status::Captured, self.amount_minor);
        }
        self
    }

    /// A new charge that is captured at once, in another size than was asked for where that is commanded.
    pub fn captured_faultily(&mut self, figure: Figure) {
        let minor = figure.amount_minor.unwrap_or(self.captured_minor);
        self.captured_minor = minor.clamp(0, self.amount_minor);
        if let Some(currency) = figure.currency {
            self.currency = currency.code().to_owned();
        }
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
                *self = self.clone().authorized();
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
mod tests;
