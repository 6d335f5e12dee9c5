//! Mails that writes ask for; they are stored with the change that they tell.

use kit::{Tx, mail::leads_nowhere};
use sea_orm::DbErr;

use crate::{
    domain::{
        mail::{CONFIRMATIONS, MailKind, Purpose},
        throttle::Wait,
    },
    store::{
        entities::user,
        failures::{self, Login},
        mails, tokens,
    },
};

/// How many mails an account gets within a day; 0 is without limit.
#[derive(Debug, Clone, Copy)]
pub struct PerDay(pub u32);

impl PerDay {
    async fn allows(self, tx: &Tx, user: &user::Model) -> Result<bool, DbErr> {
        Ok(self.0 == 0 || mails::within_a_day(tx, user.id).await? < u64::from(self.0))
    }

    /// Tells a user of a change, at the address that is confirmed.
    pub async fn tell(self, tx: &Tx, user: &user::Model, kind: MailKind) -> Result<(), DbErr> {
        if user.email_verified && !leads_nowhere(&user.email) && self.allows(tx, user).await? {
            mails::add(tx, kind, Some(user.id), &user.email).await?;
        }
        Ok(())
    }

    /// Sends a token that confirms the user's address. An error says how long to wait: of one account, and to one
    /// address whoever gives it, there are only so many.
    pub async fn ask_to_confirm(self, tx: &Tx, user: &user::Model) -> Result<Result<(), Wait>, DbErr> {
        if user.email_verified || leads_nowhere(&user.email) {
            return Ok(Ok(()));
        }
        for login in [Login::confirmation_of(user.id), Login::confirmation_to(&user.email_folded)] {
            if let Err(wait) = failures::count(tx, &login, CONFIRMATIONS).await? {
                return Ok(Err(wait));
            }
        }
        let id = mails::add(tx, MailKind::ConfirmEmail, Some(user.id), &user.email).await?;
        tokens::add(tx, id, Purpose::ConfirmEmail, user, tx.now()).await?;
        Ok(Ok(()))
    }
}
