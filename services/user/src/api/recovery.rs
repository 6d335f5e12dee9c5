//! Confirming an e-mail, and setting a forgotten password: by tokens that are sent by mail.

use contracts::user::{
    ConfirmEmailRequest, RequestEmailConfirmationRequest, RequestPasswordResetRequest, ResetPasswordRequest,
};
use kit::{Call, Caller, Scope, Tx, Written, audit_log::Act, id::UserId};

use crate::{
    administrators::operator,
    api::{Shared, audit::source},
    credentials::Standing,
    domain::{
        mail::{EMAILS, MailKind, Purpose, RESETS, RESETS_OF_SOURCE, USERNAMES},
        names, roles,
        throttle::Limit,
    },
    error::Error,
    store::{
        api_keys, audit,
        entities::user,
        failures::{self, Login},
        mails, passkeys, sessions, tokens, users,
    },
};

/// Sends another token for the user's address.
pub async fn request_email_confirmation(
    shared: &Shared,
    call: &Call,
    request: RequestEmailConfirmationRequest,
) -> Result<Written<()>, Error> {
    let id = call.user_id(&request.id, "id")?;
    let (scope, per_day) = (call.scope()?, shared.mails_per_day);
    let written = shared.db.write(call, id, move |tx, id| async move {
        let user = users::lock(&tx, scope, *id).await?;
        roles::may_act(tx.call().caller(), user.id, user.rights())?;
        per_day.ask_to_confirm(&tx, &user).await?.map_err(Error::TooManyRequests)
    });
    let written = written.await;
    shared.mail_due.notify_one();
    written
}

/// Takes the token.
pub async fn confirm_email(
    shared: &Shared,
    call: &Call,
    request: ConfirmEmailRequest,
) -> Result<Written<()>, Error> {
    let id = shared.one_time.read(Purpose::ConfirmEmail, &request.token).ok_or(Error::TokenExpired)?;
    let per_day = shared.mails_per_day;
    let written = shared.db.write(call, id, move |tx, id| async move {
        let mut user = spent(&tx, *id, Purpose::ConfirmEmail).await?;
        if !user.email_verified {
            user.email_verified = true;
            // Whoever registered with somebody else's address could set these up, and nobody was told.
            if user.second_factor
                || api_keys::has_any(&*tx, user.id).await?
                || passkeys::count(&*tx, user.id).await? > 0
            {
                per_day.tell(&tx, &user, MailKind::AlreadySetUp).await?;
            }
        }
        audit::record(&tx, &Act::new("email.confirmed").of(user.id)).await?;
        users::change(&tx, user).await?;
        Ok(())
    });
    let written = written.await;
    shared.mail_due.notify_one();
    written
}

/// Stores that somebody asked, whoever's address it is, and whether it is anybody's: that is found when the mail is sent.
/// So what is done here, and how long it takes, is the same for every address.
pub async fn request_password_reset(
    shared: &Shared,
    call: &Call,
    request: RequestPasswordResetRequest,
) -> Result<(), Error> {
    let from = Login::resets_of(&source(call));
    let asked = shared.db.transact(call, (request.email, from), |tx, input| async move {
        let (email, from) = &*input;
        if let Err(wait) = failures::count(&tx, from, RESETS_OF_SOURCE).await? {
            return Ok(Err(wait));
        }
        // One address too often is silent: otherwise it would tell that somebody else asked, too.
        if failures::count(&tx, &Login::resets_to(&names::canonical(email)), RESETS).await?.is_ok() {
            mails::add(&tx, MailKind::ResetPassword, None, email).await?;
        }
        Ok(Ok(()))
    });
    asked.await?.map_err(Error::TooManyRequests)?;
    shared.mail_due.notify_one();
    Ok(())
}

/// Takes the token, and sets the password.
pub async fn reset_password(
    shared: &Shared,
    call: &Call,
    request: ResetPasswordRequest,
) -> Result<Written<()>, Error> {
    let purpose = Purpose::ResetPassword;
    let id = shared.one_time.read(purpose, &request.token).ok_or(Error::TokenExpired)?;
    // Before hashing, which is dear: a token that was used costs the server little.
    let owner = tokens::owner(shared.db.read(), id, purpose).await?.ok_or(Error::TokenExpired)?;
    let Ok(known) = users::find(shared.db.read(), Scope::Owner(owner), owner).await else {
        return Err(Error::TokenExpired);
    };
    shared.check_password("new_password", &request.new_password, &known.username, &known.email)?;
    // Who has the token has read the account's mail.
    let standing = Standing::of(call).known_if(true);
    let hash = shared.hasher.of(standing).hash(&request.new_password).await?;
    let per_day = shared.mails_per_day;
    let written = shared.write_revoking(call, (id, hash), move |tx, input, revocations| async move {
        let (id, hash) = &*input;
        let user = spent(&tx, *id, purpose).await?;
        per_day.tell(&tx, &user, MailKind::PasswordChanged).await?;
        // Wrong codes of the second factor stay counted: who reads the mails need not have the authenticator.
        operator::reset_password(&tx, &revocations, user.id, hash, false).await?;
        Ok(())
    });
    let written = written.await;
    shared.mail_due.notify_one();
    written
}

/// The locked user whose token was used up just now. Two uses at once take turns at the user's row, and the second finds
/// no token.
async fn spent(tx: &Tx, id: uuid::Uuid, purpose: Purpose) -> Result<user::Model, Error> {
    let owner = tokens::owner(&**tx, id, purpose).await?.ok_or(Error::TokenExpired)?;
    let user = match users::lock(tx, Scope::Owner(owner), owner).await {
        Err(Error::UserNotFound) => return Err(Error::TokenExpired),
        user => user?,
    };
    match tokens::spend(tx, id, purpose, &user).await? {
        true => Ok(user),
        false => Err(Error::TokenExpired),
    }
}

impl Shared {
    /// Counts something that may be done so often, in a transaction of its own: it counts whatever becomes of it.
    pub async fn count(&self, call: &Call, login: Login, limit: Limit) -> Result<(), Error> {
        if limit.attempts == 0 {
            return Ok(());
        }
        let counted =
            self.db
                .transact(call, login, move |tx, login| async move {
                    Ok(failures::count(&tx, &login, limit).await?)
                })
                .await?;
        counted.map(|_| ()).map_err(Error::TooManyRequests)
    }

    /// Counts an account that somebody makes. Staff make as many as they need.
    pub async fn count_registration(&self, call: &Call) -> Result<(), Error> {
        if call.caller().is_staff() {
            return Ok(());
        }
        self.count(call, Login::registrations_of(&source(call)), self.registrations).await
    }
}

/// Refuses another username or e-mail that comes too soon.
pub async fn may_be_called(
    shared: &Shared,
    call: &Call,
    id: UserId,
    (renamed, moved): (bool, bool),
) -> Result<(), Error> {
    if moved {
        signed_in_lately(shared, call, id).await?;
        shared.count(call, Login::emails_of(id), EMAILS).await?;
    }
    if renamed {
        shared.count(call, Login::usernames_of(id), USERNAMES).await?;
    }
    Ok(())
}

/// Refuses a user who acts on the own account and did not sign in lately: a session that was left open, or a stolen token,
/// must not take the account over.
pub async fn signed_in_lately(shared: &Shared, call: &Call, id: UserId) -> Result<(), Error> {
    match call.caller().user() == Some(id) {
        true => caller_signed_in_lately(shared, call).await,
        false => Ok(()),
    }
}

/// Refuses a caller who did not sign in lately, whoever's account this is about.
pub async fn caller_signed_in_lately(shared: &Shared, call: &Call) -> Result<(), Error> {
    let session = match call.caller() {
        Caller::User { session, .. } => *session,
        // A program never signs in.
        Caller::ApiKey { .. } => return Err(Error::ReauthenticationRequired),
        Caller::Anonymous | Caller::Service { .. } => return Ok(()),
    };
    let begun = sessions::create_time(shared.db.read(), session).await?;
    let now = shared.db.clock().now();
    match begun {
        Some(begun) if now <= begun + shared.reauthentication_window => Ok(()),
        _ => Err(Error::ReauthenticationRequired),
    }
}
