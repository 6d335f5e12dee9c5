//! `user.mail`: sends the mails that are due, until each is sent or given up. Replicas share them by claims
//! (`store::mails::claim`).

use std::{sync::Arc, time::Duration};

use kit::{
    Fault, Scope, StartError, Time,
    mail::{
        AT_ONCE, MailOptions, leads_nowhere,
        notifier::{Failure, Mail, Notifier},
    },
    telemetry::metrics::figures,
};

use crate::{
    api::Shared,
    domain::mail::{MailKind, MailState, Purpose},
    error::Error,
    mail::Words,
    store::{
        mails::{self, Row},
        tokens, users,
    },
};

/// How often one looks for what other replicas left, and for what is due again.
const LOOK: Duration = Duration::from_secs(1);
/// The first and the longest pause between tries.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The sender, one in each process.
pub struct Sender {
    shared: Arc<Shared>,
    notifier: Arc<dyn Notifier>,
    words: Words,
    give_up: Duration,
}

/// What a try comes to.
enum End {
    Sent,
    /// There is nobody to send it to, or nothing to say any more.
    Dropped(&'static str),
    Failed(Failure),
}

impl Sender {
    /// By the way that the options name.
    pub async fn new(
        shared: &Arc<Shared>,
        options: &MailOptions,
        public_url: Option<String>,
    ) -> Result<Self, StartError> {
        mails::release(&shared.db).await?;
        let words = Words { signature: options.signature(), public_url };
        let notifier = options.notifier()?;
        Ok(Self { shared: shared.clone(), notifier, words, give_up: options.mail_give_up })
    }

    /// Sends until the process drains; what is under way then is finished.
    pub async fn run(self, tasks: kit::Tasks) {
        loop {
            let sent = match self.round().await {
                Ok(sent) => sent,
                Err(error) => {
                    tracing::warn!(problem = Fault::from(error).message, "mail.interrupted");
                    0
                }
            };
            if tasks.is_draining() {
                return;
            }
            if sent == AT_ONCE {
                continue;
            }
            tokio::select! {
                () = tasks.draining() => return,
                () = self.shared.mail_due.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Takes what is due, up to [`AT_ONCE`], and sends it; answers with how many there were.
    async fn round(&self) -> Result<usize, Error> {
        let rows = mails::claim(&self.shared.db, AT_ONCE as u64).await?;
        let ends = rows.iter().map(|row| async move {
            let end = match self.attempt(row).await {
                Ok(end) => end,
                Err(error) => End::Failed(Failure::Passing(Fault::from(error).message)),
            };
            // What was handed to a mail server is stored at once, before the others have been sent: if the process dies
            // first, it is sent again.
            self.settle(row, end).await
        });
        futures::future::join_all(ends).await.into_iter().collect::<Result<Vec<()>, Error>>()?;
        Ok(rows.len())
    }

    async fn attempt(&self, row: &Row) -> Result<End, Error> {
        if leads_nowhere(&row.address) {
            return Ok(End::Dropped("the address leads nowhere"));
        }
        let purpose = row.kind.purpose();
        if purpose.is_some_and(|purpose| self.now() >= row.create_time + purpose.lifetime()) {
            return Ok(End::Dropped("its token has expired"));
        }
        let address = match row.kind {
            MailKind::ResetPassword => self.reset_of(row).await?,
            _ => Some(row.address.clone()),
        };
        let Some(address) = address else {
            return Ok(End::Dropped("nobody has confirmed this address"));
        };
        let token = purpose.map(|purpose| self.shared.one_time.text(purpose, row.id)).transpose()?;
        let text = self.words.write(row.kind, token.as_ref())?;
        let micros = u64::try_from(row.create_time.0).unwrap_or(0);
        let mail = Mail {
            id: format!("{}.{}", row.kind.word(), row.id.simple()),
            date: std::time::UNIX_EPOCH + Duration::from_micros(micros),
            name: String::new(),
            address,
            subject: text.subject.to_owned(),
            text: text.body,
        };
        Ok(match self.notifier.send(&mail).await {
            Ok(()) => End::Sent,
            Err(failure) => End::Failed(failure),
        })
    }

    /// The address of the user whose password is to be reset by what somebody typed; the token counts from now on.
    async fn reset_of(&self, row: &Row) -> Result<Option<String>, Error> {
        let input = (row.id, row.create_time, row.address.clone());
        let (own, per_day) = (mails::own(), self.shared.mails_per_day);
        let found = self.shared.db.transact(&own, input, move |tx, input| async move {
            let (id, create_time, address) = &*input;
            let Some(user) = users::by_login(&*tx, address).await?.filter(|user| !user.disabled) else {
                return Ok(None);
            };
            if !user.email_verified {
                // Somebody registered with this address and its mails were not answered: whoever reads them gets the
                // account by confirming that it is theirs, and can then ask for the password.
                let user = users::lock(&tx, Scope::All, user.id).await?;
                let _ = per_day.ask_to_confirm(&tx, &user).await?;
                return Ok(None);
            }
            tokens::add(&tx, *id, Purpose::ResetPassword, &user, *create_time).await?;
            Ok(Some(user.email))
        });
        found.await
    }

    async fn settle(&self, row: &Row, end: End) -> Result<(), Error> {
        let now = self.now();
        let id = format!("{}.{}", row.kind.word(), row.id.simple());
        let (state, due, problem) = match end {
            End::Sent => {
                figures::mail("user", "sent");
                (MailState::Sent, now, String::new())
            }
            End::Dropped(why) => {
                figures::mail("user", "dropped");
                tracing::debug!(mail = id, why, "mail.dropped");
                (MailState::Dropped, now, why.to_owned())
            }
            End::Failed(Failure::Passing(problem)) if now.since(row.create_time) < self.give_up => {
                figures::mail("user", "postponed");
                let pause = pause(row.tries);
                let tries = row.tries;
                tracing::warn!(mail = id, tries, problem, again_in_s = pause.as_secs(), "mail.postponed");
                (MailState::Waiting, now + pause, problem)
            }
            End::Failed(Failure::Passing(problem) | Failure::Final(problem)) => {
                figures::mail("user", "given_up");
                tracing::error!(mail = id, tries = row.tries, problem, "mail.given_up");
                (MailState::GivenUp, now, problem)
            }
        };
        let input = (row.clone(), problem);
        let own = mails::own();
        let settled = self.shared.db.transact(&own, input, move |tx, input| async move {
            let (row, problem) = &*input;
            Ok(mails::settle(&tx, row, state, due, problem).await?)
        });
        settled.await
    }

    fn now(&self) -> Time {
        self.shared.db.clock().now()
    }
}

/// How long until the next try, after so many.
fn pause(tries: i32) -> Duration {
    let doubled = SHORTEST * 2u32.pow(tries.clamp(1, 16) as u32 - 1);
    doubled.min(LONGEST).mul_f64(rand::random_range(1.0..1.25))
}
