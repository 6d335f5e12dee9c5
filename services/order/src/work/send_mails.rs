//! `order.mail`: sends the mails that are due, until each is sent or given up. Replicas share them by claims
//! (`store::mails::claim`).

use std::{sync::Arc, time::Duration};

use contracts::user::User;
use futures::future::join_all;
use kit::{Fault, Scope, StartError, Time, id::UserId, mail::leads_nowhere, telemetry::metrics::figures};
use tonic::Code;

use crate::{
    domain::{MailKind, MailState, State, Step, notes},
    error::Error,
    mail::{
        AT_ONCE,
        notifier::{Failure, Mail, Notifier},
        text,
    },
    orders::Orders,
    store::{
        Record, View, find_view, mail_counts,
        mails::{self, Row},
    },
};

/// How often one looks for what is due. What became due meanwhile is sent together.
const LOOK: Duration = Duration::from_millis(500);
/// How long asking for a user may take.
const ASK: Duration = Duration::from_secs(4);
/// The first and the longest pause between tries.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Starts it.
pub async fn start(orders: &Orders) -> Result<(), StartError> {
    let options = &orders.options.mail;
    let notifier = options.notifier()?;
    mails::release(&orders.db).await?;
    let sender = Sender {
        orders: orders.clone(),
        signature: options.signature(),
        give_up: options.mail_give_up,
        notifier,
    };
    orders.tasks.keep("order.mail", sender.run());
    Ok(())
}

/// The sender, one in each process.
struct Sender {
    orders: Orders,
    notifier: Arc<dyn Notifier>,
    signature: String,
    give_up: Duration,
}

/// What a try comes to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Sent,
    /// There is nobody to send it to, or nothing to say any more.
    Dropped(&'static str),
    /// There is nothing to say yet.
    NotYet,
    Failed(Failure),
}

impl Sender {
    /// Sends until the process drains; what is under way then is finished.
    async fn run(self) {
        loop {
            let sent = match self.round().await {
                Ok(sent) => sent,
                Err(error) => {
                    let fault = Fault::from(error);
                    tracing::warn!(problem = fault.message, "mail.interrupted");
                    0
                }
            };
            if self.orders.tasks.is_draining() {
                return;
            }
            if sent == AT_ONCE {
                continue;
            }
            tokio::select! {
                () = self.orders.tasks.draining() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Takes what is due, up to [`AT_ONCE`], and sends it; answers with how many there were.
    async fn round(&self) -> Result<usize, Error> {
        let rows = mails::claim(&self.orders.db, AT_ONCE as u64).await?;
        let apart = self.notifier.is_remote();
        let ends = rows.iter().map(|row| async move {
            let end = self
                .attempt(row)
                .await
                .unwrap_or_else(|error| End::Failed(Failure::Passing(Fault::from(error).message)));
            let settled = self.settled(row, end);
            // What was handed to a mail server is stored at once, before the others have been sent: if the process dies
            // first, it is sent again.
            if apart { self.note(vec![settled]).await.map(|()| None) } else { Ok(Some(settled)) }
        });
        let together = join_all(ends).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let together: Vec<Settled> = together.into_iter().flatten().collect();
        if !together.is_empty() {
            self.note(together).await?;
        }
        Ok(rows.len())
    }

    async fn attempt(&self, row: &Row) -> Result<End, Error> {
        let view = match find_view(self.orders.db.read(), row.order_id, Scope::All).await {
            Ok(view) => view,
            Err(Error::NotFound(_)) => return Ok(End::Dropped("the order is gone")),
            Err(error) => return Err(error),
        };
        if let Some(end) = premature(row.kind, &view) {
            return Ok(end);
        }
        let user = match self.orders.remote.user(&mails::own().within(ASK), view.order.user_id).await {
            Ok(user) => user,
            Err(fault) if fault.code == Code::NotFound => return Ok(End::Dropped("the user is gone")),
            Err(fault) => return Ok(End::Failed(Failure::Passing(fault.message))),
        };
        // Where there is no mail server nobody could confirm an address.
        if !user.email_verified && self.notifier.is_remote() {
            return Ok(End::Dropped("the address is not confirmed"));
        }
        if leads_nowhere(&user.email) {
            return Ok(End::Dropped("the address leads nowhere"));
        }
        if self.is_too_much(view.order.user_id).await? {
            return Ok(End::Dropped("the user had too many mails within a day"));
        }
        let mail = self.write(row, &view, user)?;
        Ok(match self.notifier.send(&mail).await {
            Ok(()) => End::Sent,
            Err(failure) => End::Failed(failure),
        })
    }

    /// Whether a user had as many mails within a day as one gets.
    async fn is_too_much(&self, user: UserId) -> Result<bool, Error> {
        let most = u64::from(self.orders.options.mail.mails_per_day);
        if most == 0 || !self.notifier.is_remote() {
            return Ok(false);
        }
        let db = &self.orders.db;
        Ok(mail_counts::within_a_day(db.read(), user, db.clock().now()).await? >= most)
    }

    fn write(&self, row: &Row, view: &View, user: User) -> Result<Mail, Error> {
        let text::Text { subject, body } = text::write(row, view, &user, &self.signature)?;
        let micros = u64::try_from(row.create_time.0).unwrap_or(0);
        Ok(Mail {
            id: row.id.clone(),
            date: std::time::UNIX_EPOCH + Duration::from_micros(micros),
            name: [user.first_name.as_str(), user.last_name.as_str()].join(" ").trim().to_owned(),
            address: user.email,
            subject,
            text: body,
        })
    }

    /// What a mail's try makes of it.
    fn settled(&self, row: &Row, end: End) -> Settled {
        let now = self.orders.db.clock().now();
        let mut row = row.clone();
        let mail = |outcome| figures::mail("order", outcome);
        let (state, due, problem) = match end {
            End::Sent => {
                mail("sent");
                (MailState::Sent, now, String::new())
            }
            End::Dropped(why) => {
                mail("dropped");
                tracing::debug!(mail = row.id, why, "mail.dropped");
                (MailState::Dropped, now, why.to_owned())
            }
            End::NotYet => {
                row.tries -= 1;
                (MailState::Waiting, now + patience(now, row.create_time), String::new())
            }
            End::Failed(Failure::Passing(problem)) if now.since(row.create_time) < self.give_up => {
                mail("postponed");
                let pause = pause(row.tries);
                tracing::warn!(
                    mail = row.id,
                    tries = row.tries,
                    problem,
                    again_in_s = pause.as_secs(),
                    "mail.postponed"
                );
                (MailState::Waiting, now + pause, problem)
            }
            End::Failed(Failure::Passing(problem) | Failure::Final(problem)) => {
                mail("given_up");
                tracing::error!(mail = row.id, tries = row.tries, problem, "mail.given_up");
                (MailState::GivenUp, now, problem)
            }
        };
        Settled { row, state, due, problem }
    }

    async fn note(&self, settled: Vec<Settled>) -> Result<(), Error> {
        let own = mails::own();
        let noted = self.orders.db.transact(&own, settled, |tx, settled| async move {
            for Settled { row, state, due, problem } in &*settled {
                if *state == MailState::GivenUp {
                    // The order before its mail, as whoever pays for it locks them.
                    let mut record = Record::lock(&tx, row.order_id, Scope::All).await?;
                    record.note(notes::NO_MAIL);
                    record.save().await?;
                }
                mails::settle(&tx, row, *state, *due, problem).await?;
            }
            Ok(())
        });
        noted.await
    }
}

/// A mail after a try.
struct Settled {
    row: Row,
    state: MailState,
    /// When the next try is, where there is one.
    due: Time,
    problem: String,
}

/// Whether it is too early to send, or too late. That an order was placed is said as soon as it is paid, or waits for a
/// payment that is under way: not while its customer still looks for a way to pay.
fn premature(kind: MailKind, view: &View) -> Option<End> {
    let order = &view.order;
    if order.user_erased {
        return Some(End::Dropped("the user is erased"));
    }
    if kind != MailKind::Placed {
        return None;
    }
    match order.state {
        State::Paid | State::Shipped | State::Delivered => None,
        State::AwaitingPayment if order.step != Step::Idle || !order.payment_failure.is_empty() => {
            Some(End::NotYet)
        }
        State::AwaitingPayment => None,
        State::Open | State::CheckingOut | State::Cancelled | State::Expired => {
            Some(End::Dropped("the order is not placed any more"))
        }
    }
}

/// How long until something that is not to be said yet is looked at again: the older, the longer.
fn patience(now: Time, since: Time) -> Duration {
    (now.since(since) / 4).clamp(Duration::from_millis(500), Duration::from_secs(300))
}

/// How long until the next try, after so many.
fn pause(tries: i32) -> Duration {
    let doubled = SHORTEST * 2u32.pow(tries.clamp(1, 16) as u32 - 1);
    doubled.min(LONGEST).mul_f64(rand::random_range(1.0..1.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        for (tries, shortest) in [(1, 1), (2, 2), (5, 16), (11, 900), (1000, 900)] {
            let pause = pause(tries);
            let shortest = Duration::from_secs(shortest);
            assert!(pause >= shortest && pause <= shortest.mul_f64(1.25), "{tries}: {pause:?}");
        }
    }
}
