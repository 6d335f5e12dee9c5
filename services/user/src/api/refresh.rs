//! Refreshing a session: one token for the next.

use contracts::user::{RefreshRequest, Tokens};
use kit::{Call, Fault, Scope, audit_log::Act};

use crate::{
    api::{Shared, auth, revoke::Revocations},
    credentials::{RefreshToken, TokenHash},
    domain::session::{self, Use, Verdict},
    error::Error,
    store::{
        audit,
        entities::{self, user},
        sessions::{self, Client},
        users,
    },
};

/// What became of a refresh; one that ends the session is committed.
enum Refreshed {
    /// With the token of this place among those that may follow.
    As(Box<user::Model>, Box<entities::session::Model>, usize),
    Refused,
}

pub async fn refresh(shared: &Shared, call: &Call, request: RefreshRequest) -> Result<Tokens, Error> {
    let used = RefreshToken::read(request.refresh_token).ok_or(Error::RefreshRefused)?;
    let mut next = shared.successor.of(&used);
    match rotate(shared, call, &used, &next).await? {
        Refreshed::As(user, session, given) => {
            let (id, by_passkey) = (session.id, session.passkey_id.is_some());
            Ok(auth::tokens(shared, *user, id, next.swap_remove(given), by_passkey).await?)
        }
        Refreshed::Refused => Err(Error::RefreshRefused),
    }
}

/// Uses a refresh token up and gives its session the next one, or ends the session of a token that was used before.
async fn rotate(
    shared: &Shared,
    call: &Call,
    used: &RefreshToken,
    next: &[RefreshToken],
) -> Result<Refreshed, Error> {
    let next: Vec<TokenHash> = next.iter().map(RefreshToken::hash).collect();
    let refreshed = shared.db.transact(call, (used.hash(), next), |tx, input| async move {
        let ((used, next), revocations) = (&*input, Revocations::default());
        let refused = || Ok((Refreshed::Refused, Revocations::default()));
        // Read without a lock, only to learn whose rows to lock: what counts is read again under the locks.
        let Some(known) = sessions::of_token(&*tx, used).await? else { return refused() };
        let user = match users::lock(&tx, Scope::Owner(known.user_id), known.user_id).await {
            // Erased in between, which takes the session along.
            Err(Error::UserNotFound) => return refused(),
            user => user?,
        };
        // The user's row first, as wherever sessions end: a refresh and the end of all sessions take turns, and no
        // session is refreshed that has just ended.
        let Some(session) = sessions::lock(&tx, known.id).await?.filter(|_| !user.disabled) else {
            return refused();
        };
        let state = session::State::of(session.expire_time, session.ended_time, tx.now());
        // Of two uses at once the conditional UPDATE lets one be the first. What the other is, is read under the locks
        // that the first has let go.
        let mut given = 0;
        let how = match sessions::use_token(&tx, used).await? {
            true => Use::First,
            false => {
                let used_time = sessions::used_time(&tx, used).await?.flatten();
                // One that is not there was forgotten long after it was used. By which key it was made that was given is
                // told by which of them is there: another key may have become the first in between.
                let mut next_used = true;
                for (place, next) in next.iter().enumerate() {
                    if let Some(used) = sessions::used_time(&tx, next).await? {
                        (given, next_used) = (place, used.is_some());
                        break;
                    }
                }
                let same_client = session.client() == Client::of(tx.call());
                Use::of(used_time, same_client, next_used, tx.now())
            }
        };
        match state.refresh(how) {
            Verdict::Rotate => {
                let first = next.first().ok_or_else(|| Fault::internal("there is no next token"))?;
                sessions::rotate(&tx, &session, first.clone()).await?;
                Ok((Refreshed::As(Box::new(user), Box::new(session), given), revocations))
            }
            Verdict::Repeat => Ok((Refreshed::As(Box::new(user), Box::new(session), given), revocations)),
            Verdict::End => {
                sessions::end(&tx, user.id, session.id).await?;
                audit::record(&tx, &Act::new("refresh_token.reused").of(user.id).on(session.id)).await?;
                revocations.session(&tx, user.id, session.id).await?;
                Ok((Refreshed::Refused, revocations))
            }
            Verdict::Refuse => refused(),
        }
    });
    let (refreshed, revocations) = refreshed.await?;
    // After the commit: a revocation that was rolled back must not lock anybody out of this process.
    revocations.apply(shared);
    Ok(refreshed)
}
