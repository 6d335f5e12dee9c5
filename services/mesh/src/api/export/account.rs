//! What the user service holds about a person.

use contracts::user::{
    AuditEvent, ListAccountRecordsRequest, ListAddressesRequest, ListApiKeysRequest, ListAuditEventsRequest,
    ListPasskeysRequest, ListSessionsRequest, audit_service_client::AuditServiceClient,
    auth_service_client::AuthServiceClient, passkey_service_client::PasskeyServiceClient,
    user_service_client::UserServiceClient,
};
use kit::Role;

use super::{Ended, Export, PAGE, of};

impl Export {
    /// Addresses, sessions, keys, passkeys, the second factor, mails.
    pub(super) async fn account(&self) -> Result<(), Ended> {
        let (users, auth) =
            (UserServiceClient::new(self.conn(Role::User)), AuthServiceClient::new(self.conn(Role::User)));
        let (users, auth) = (&users, &auth);
        let user_id = || self.user_id.clone();
        self.pages(|page_token| async move {
            let request = ListAddressesRequest { user_id: user_id(), page_size: PAGE, page_token };
            let page = of(users.clone().list_addresses(self.ask(request)).await)?;
            self.send_all("address", &page.addresses).await?;
            Ok(page.next_page_token)
        })
        .await?;
        self.pages(|page_token| async move {
            let request =
                ListSessionsRequest { user_id: user_id(), page_size: PAGE, page_token, include_ended: true };
            let page = of(auth.clone().list_sessions(self.ask(request)).await)?;
            self.send_all("session", &page.sessions).await?;
            Ok(page.next_page_token)
        })
        .await?;
        self.pages(|page_token| async move {
            let request = ListApiKeysRequest { user_id: user_id(), page_size: PAGE, page_token };
            let page = of(auth.clone().list_api_keys(self.ask(request)).await)?;
            self.send_all("api_key", &page.api_keys).await?;
            Ok(page.next_page_token)
        })
        .await?;
        let passkeys = &PasskeyServiceClient::new(self.conn(Role::User));
        self.pages(|page_token| async move {
            let request = ListPasskeysRequest { user_id: user_id(), page_size: PAGE, page_token };
            let page = of(passkeys.clone().list_passkeys(self.ask(request)).await)?;
            self.send_all("passkey", &page.passkeys).await?;
            Ok(page.next_page_token)
        })
        .await?;
        self.pages(|page_token| async move {
            let request = ListAccountRecordsRequest { user_id: user_id(), page_size: PAGE, page_token };
            let page = of(auth.clone().list_account_records(self.ask(request)).await)?;
            self.send_all("second_factor", page.second_factor.as_slice()).await?;
            self.send_all("mail", &page.mails).await?;
            Ok(page.next_page_token)
        })
        .await
    }

    /// What the audit log has: what was done to the user, then what the user did to others.
    pub(super) async fn acts(&self) -> Result<(), Ended> {
        let log = AuditServiceClient::new(self.conn(Role::User));
        let log = &log;
        for by_user in [false, true] {
            let only = |wanted: bool| if wanted { self.user_id.clone() } else { String::new() };
            self.pages(|page_token| async move {
                let request = ListAuditEventsRequest {
                    user_id: only(!by_user),
                    actor: only(by_user),
                    page_size: PAGE,
                    page_token,
                    ..Default::default()
                };
                let page = of(log.clone().list_audit_events(self.ask(request)).await)?;
                // Those that are in both lists come with the first.
                let twice = |act: &AuditEvent| by_user && act.user_id == self.user_id;
                for act in page.audit_events.into_iter().filter(|act| !twice(act)) {
                    self.send("audit_event", &without_others(act, &self.user_id)).await?;
                }
                Ok(page.next_page_token)
            })
            .await?;
        }
        Ok(())
    }
}

/// An act without what is somebody else's: where a colleague acted from, and on whom the user did.
fn without_others(act: AuditEvent, user: &str) -> AuditEvent {
    let (by_other, on_other) = (act.actor.starts_with("usr_") && act.actor != user, act.user_id != user);
    let keep = |text: String, others: bool| if others { String::new() } else { text };
    AuditEvent {
        ip_address: keep(act.ip_address, by_other),
        user_agent: keep(act.user_agent, by_other),
        request_id: keep(act.request_id, by_other),
        target: keep(act.target, by_other || (on_other && !act.user_id.is_empty())),
        user_id: keep(act.user_id, on_other),
        actor: if by_other { "staff".to_owned() } else { act.actor },
        ..act
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_somebody_elses_is_left_out() {
        let act = |actor: &str, user_id: &str| AuditEvent {
            actor: actor.to_owned(),
            user_id: user_id.to_owned(),
            ip_address: "203.0.113.7".to_owned(),
            target: "ses_1".to_owned(),
            ..AuditEvent::default()
        };
        let own = act("usr_1", "usr_1");
        assert_eq!(without_others(own.clone(), "usr_1"), own);
        assert_eq!(without_others(act("anonymous", "usr_1"), "usr_1").ip_address, "203.0.113.7");
        let by_staff = without_others(act("usr_2", "usr_1"), "usr_1");
        assert_eq!((&*by_staff.actor, &*by_staff.ip_address, &*by_staff.target), ("staff", "", ""));
        let on_other = without_others(act("usr_1", "usr_2"), "usr_1");
        assert_eq!((&*on_other.user_id, &*on_other.ip_address, &*on_other.target), ("", "203.0.113.7", ""));
        assert_eq!(without_others(act("usr_1", ""), "usr_1").target, "ses_1", "an article, a payment");
    }
}
