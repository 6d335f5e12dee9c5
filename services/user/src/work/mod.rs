//! The background tasks. Every replica runs them: what they do in the database may be done by several at once, or by none
//! for a while.

mod send_mails;

use std::{sync::Arc, time::Duration};

use kit::{Call, Role, StartError, Tasks, telemetry::metrics};

use crate::{
    Around,
    api::Shared,
    domain::{api_keys::KEEP as KEEP_KEYS, mail::DAY, passkeys::LIFETIME, session},
    error::Error,
    store::{api_keys, failures, mails, passkeys, sessions, tokens},
    work::send_mails::Sender,
};

/// How often the signing keys are read again, and looked at whether another is due; more often where they are to change
/// within minutes.
const KEEP_KEYS_EVERY: Duration = Duration::from_secs(60);
/// How often the key file is looked at where nobody uses it.
const LOOK_AT_KEY_FILE: Duration = Duration::from_secs(5);
/// How often it is counted what waits, where metrics are read.
const COUNT: Duration = Duration::from_secs(15);
/// How often old records are deleted.
const PRUNE: Duration = Duration::from_secs(600);
/// How often the audit log is told what was only counted, and swept.
const KEEP_AUDIT_LOG: Duration = Duration::from_secs(60);
/// After how long the memory in which passwords were hashed is given back; looked after as often.
const KEEP_MEMORY: Duration = Duration::from_secs(10);
/// How long an ended or expired session is kept, for people to look at.
const KEEP_SESSIONS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Starts them.
pub async fn start(shared: &Arc<Shared>, around: Around, tasks: &Tasks) -> Result<(), StartError> {
    let sender = Sender::new(shared, &around.mail, around.public_url).await?;
    tasks.keep("user.mail", sender.run(tasks.clone()));
    let rotating = shared.clone();
    let schedule = shared.keys.schedule();
    let every = match schedule.rotation.is_zero() {
        true => KEEP_KEYS_EVERY,
        false => (schedule.rotation / 10).clamp(Duration::from_secs(1), KEEP_KEYS_EVERY),
    };
    tasks.every("user.keys", every, move || {
        let shared = rotating.clone();
        async move {
            shared.keys.keep(&shared.db).await.map_err(StartError::of)?;
            shared.keys.reload().await
        }
    });
    let file = shared.keys.file().clone();
    tasks.every("user.key_file", LOOK_AT_KEY_FILE, move || {
        file.keys();
        std::future::ready(Ok::<_, std::convert::Infallible>(()))
    });
    let hashing = shared.hasher.clone();
    tasks.every("user.password_memory", KEEP_MEMORY, move || {
        hashing.release(KEEP_MEMORY);
        std::future::ready(Ok::<_, std::convert::Infallible>(()))
    });
    let keeping = shared.clone();
    tasks.every("user.audit_log", KEEP_AUDIT_LOG, move || {
        let shared = keeping.clone();
        async move { shared.keep_audit_log().await }
    });
    if metrics::on() {
        metrics::figures::begin_mails("user");
        // At the start, too; what fails is told when it is tried again.
        let first = shared.clone();
        tasks.spawn(async move {
            let _ = count(&first).await;
        });
        let counting = shared.clone();
        tasks.every("user.figures", COUNT, move || {
            let shared = counting.clone();
            async move { count(&shared).await }
        });
    }
    let pruning = shared.clone();
    tasks.every("user.sessions", PRUNE, move || {
        let shared = pruning.clone();
        async move { prune(&shared).await }
    });
    Ok(())
}

/// Counts what waits, for metrics.
async fn count(shared: &Shared) -> Result<(), Error> {
    metrics::figures::mails_waiting("user", mails::waiting(shared.db.read()).await?);
    Ok(())
}

/// Deletes sessions that have been over for long, and what no longer counts of failed sign-ins.
pub async fn prune(shared: &Shared) -> Result<(), Error> {
    let call = Call::of_service(Role::User, "forget old sessions");
    let window = shared.limit.window;
    let pruned = shared.db.transact(&call, window, |tx, window| async move {
        let now = tx.now();
        // By conditions alone, without locks: a session that is refreshed meanwhile has another expiry when its row is
        // reached, and stays.
        // A used token is remembered for as long as its copy may turn up in a session that idles.
        sessions::prune(&tx, now - KEEP_SESSIONS, now - session::IDLE).await?;
        failures::prune(&tx, now - (*window).max(DAY)).await?;
        tokens::prune(&tx).await?;
        mails::prune(&tx, now - 2 * DAY).await?;
        api_keys::prune(&tx, now - KEEP_KEYS).await?;
        // Late: another replica's clock may be behind.
        passkeys::prune(&tx, now - 3 * LIFETIME).await?;
        Ok(())
    });
    pruned.await
}
