//! What is held about a user beside what has methods of its own.

use contracts::user::{
    AccountMail, ListAccountRecordsRequest, ListAccountRecordsResponse, SecondFactor as WireFactor,
};
use kit::{Call, Scope, Time};

use crate::{
    api::Shared,
    credentials::SECONDS_OF_STEP,
    domain::mail::MailState,
    error::Error,
    store::{entities::user_mail, mails, second_factors, users},
};

pub async fn list_account_records(
    shared: &Shared,
    call: &Call,
    request: ListAccountRecordsRequest,
) -> Result<ListAccountRecordsResponse, Error> {
    let page = shared.db.page::<String>(call, &request)?;
    let id = call.user_id(&request.user_id, "user_id")?;
    let db = shared.db.read();
    users::find(db, Scope::All, id).await?;
    let second_factor = match &page.after {
        None => second_factors::find(db, id).await?,
        Some(_) => None,
    };
    let second_factor = match second_factor {
        Some(factor) => Some(WireFactor {
            confirm_time: factor.confirm_time.map(Into::into),
            last_used_time: (factor.last_step > 0)
                .then(|| Time(factor.last_step.saturating_mul(SECONDS_OF_STEP * 1_000_000)).into()),
            recovery_codes: i32::try_from(second_factors::count_codes(db, id).await?).unwrap_or(i32::MAX),
        }),
        None => None,
    };
    let after = page.after.as_deref().and_then(|after| after.parse().ok());
    let rows = mails::list(db, id, after, page.limit()).await?;
    let (mails, next_page_token) =
        page.make(rows, |row| row.id.to_string(), |row| Ok::<_, Error>(mail(row)))?;
    Ok(ListAccountRecordsResponse { second_factor, mails, next_page_token })
}

fn mail(row: user_mail::Model) -> AccountMail {
    let state = match row.state {
        MailState::Waiting => "WAITING",
        MailState::Sent => "SENT",
        MailState::Dropped => "DROPPED",
        MailState::GivenUp => "GIVEN_UP",
    };
    AccountMail {
        id: row.id.to_string(),
        kind: row.kind.word().to_owned(),
        address: row.address,
        state: state.to_owned(),
        problem: row.problem,
        create_time: Some(row.create_time.into()),
    }
}
