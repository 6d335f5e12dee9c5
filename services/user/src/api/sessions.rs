//! The sessions of a user, to be seen and to be ended.

use contracts::user::{
    ListSessionsRequest, ListSessionsResponse, RevokeSessionRequest, RevokeSessionsRequest,
};
use kit::{
    Call, Caller, Fault, Written,
    audit_log::Act,
    id::{SessionId, UserId},
};

use crate::{
    api::{Shared, render},
    domain::roles,
    error::Error,
    store::{audit, sessions, users},
};

pub async fn list_sessions(
    shared: &Shared,
    call: &Call,
    request: ListSessionsRequest,
) -> Result<ListSessionsResponse, Error> {
    let page = shared.db.page::<SessionId>(call, &request)?;
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let (db, now) = (shared.db.read(), shared.db.clock().now());
    shared.may_see(call, user_id).await?;
    let live_at = (!request.include_ended).then_some(now);
    let rows = sessions::list(db, user_id, live_at, page.after, page.limit()).await?;
    let current = current(call);
    let render = |row| Ok::<_, Error>(render::session(row, current));
    let (sessions, next_page_token) = page.make(rows, |row| row.id, render)?;
    Ok(ListSessionsResponse { sessions, next_page_token })
}

impl Shared {
    /// Refuses who may not see where a user signs in from and by what: of colleagues that is an administrator's business.
    pub async fn may_see(&self, call: &Call, user_id: UserId) -> Result<(), Error> {
        let user = users::find(self.db.read(), call.scope()?, user_id).await?;
        Ok(roles::may_act(call.caller(), user.id, user.rights())?)
    }
}

pub async fn revoke_session(
    shared: &Shared,
    call: &Call,
    request: RevokeSessionRequest,
) -> Result<Written<()>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let malformed = |problem: kit::id::Malformed| Fault::invalid("id", problem.to_string());
    let id: SessionId = request.id.parse().map_err(malformed)?;
    let scope = call.scope()?;
    let written = shared.write_revoking(call, id, move |tx, id, revocations| async move {
        let user = users::lock(&tx, scope, user_id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        if !sessions::end(&tx, user.id, *id).await? {
            return Err(Error::SessionNotFound);
        }
        audit::record(&tx, &Act::new("session.revoked").of(user.id).on(*id)).await?;
        Ok(revocations.session(&tx, user.id, *id).await?)
    });
    written.await
}

pub async fn revoke_sessions(
    shared: &Shared,
    call: &Call,
    request: RevokeSessionsRequest,
) -> Result<Written<()>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let scope = call.scope()?;
    // The caller's own session is one of this user's or of nobody's here.
    let kept = current(call).filter(|_| request.keep_current && call.caller().user() == Some(user_id));
    let written = shared.write_revoking(call, kept, move |tx, kept, revocations| async move {
        let mut user = users::lock(&tx, scope, user_id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        let ended = sessions::end_all(&tx, user.id, *kept).await?;
        // What an administrator does to somebody is told in any case; what one does to oneself, again and again, is not.
        if ended == 0 && tx.call().caller().user() == Some(user.id) {
            return Ok(());
        }
        let all = if kept.is_some() { "sessions=others" } else { "sessions=all" };
        audit::record(&tx, &Act::new("session.revoked").of(user.id).saying(all)).await?;
        revocations.tokens_but(&tx, &mut user, *kept).await?;
        Ok(users::change_token_version(&tx, &user).await?)
    });
    written.await
}

/// The session by which somebody calls.
fn current(call: &Call) -> Option<SessionId> {
    match call.caller() {
        Caller::User { session, .. } => Some(*session),
        _ => None,
    }
}
