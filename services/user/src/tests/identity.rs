//! One mailbox is one account, however it is spelled, and so is a password.

use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher};
use contracts::user::{
    Address, ApiKey, ChangePasswordRequest, CheckUsernameRequest, CreateAddressRequest, CreateApiKeyRequest,
    CreateRoleRequest, CreateUserRequest, DeleteUserRequest, ListUsersRequest, Role, StaffRole,
    UpdateUserRequest, User,
};
use kit::id::{Id, UserId};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryOrder};
use tonic::Code;

use crate::{Migrator, domain::names, store::entities::user};

use super::{House, PASSWORD, Replica, by, outcome, registration};

fn with_email(username: &str, email: &str) -> CreateUserRequest {
    CreateUserRequest { email: email.to_owned(), ..registration(username) }
}

async fn create(replica: &Replica, request: CreateUserRequest) -> Result<User, kit::Fault> {
    outcome(replica.users().create_user(request).await)
}

#[tokio::test]
async fn one_mailbox_is_one_account_and_is_found_by_each_of_its_spellings() {
    let replica = House::new().await.replica().await;
    let jo = create(&replica, with_email("jo.b", "Jo@bu\u{308}cher.de")).await.unwrap();
    assert_eq!(jo.email, "Jo@xn--bcher-kva.de");
    create(&replica, with_email("kim", "kim@example.com")).await.unwrap();
    for (place, email) in
        ["jo@bücher.de", "JO@XN--BCHER-KVA.DE", "\u{212a}im@example.com", "ｋｉｍ@Example.com"]
            .into_iter()
            .enumerate()
    {
        let fault = create(&replica, with_email(&format!("other{place}"), email)).await.unwrap_err();
        assert_eq!((fault.code, fault.value("field")), (Code::AlreadyExists, Some("email")), "{email}");
    }
    for login in [
        "jo@bücher.de",
        " JO@BÜCHER.DE\u{a0}",
        "jo@xn--bcher-kva.de",
        "jo@bu\u{308}cher.de",
        "jo@bücher。de",
        "jo.b ",
        "\tJO.B",
        "ｊｏ.ｂ",
    ] {
        assert_eq!(replica.try_sign_in(login, PASSWORD).await.unwrap().user.unwrap().id, jo.id, "{login}");
    }
    // No other Kim than the one there is.
    let kelvin = create(&replica, with_email("\u{212a}im", "other@example.com")).await.unwrap_err();
    assert_eq!((kelvin.code, kelvin.fields[0].0.as_str()), (Code::InvalidArgument, "username"));
    let taken = CheckUsernameRequest { username: "KIM".to_owned() };
    assert!(!outcome(replica.users().check_username(taken).await).unwrap().available);
    let staff = replica.colleague("staff", &[Role::Staff]).await;
    for query in
        ["jo@bücher.de", "bücher", "xn--bcher-kva", " jo@XN--bcher-kva.de", "Jo@bu\u{308}cher.de", "Jo.B"]
    {
        let request = ListUsersRequest { query: query.to_owned(), ..Default::default() };
        let users = outcome(replica.users().list_users(by(&staff, request)).await).unwrap().users;
        assert_eq!(users.iter().map(|user| &user.id).collect::<Vec<_>>(), [&jo.id], "{query}");
    }
    // The same mailbox again is no other one: nothing is to be confirmed anew.
    let tokens = replica.sign_in("jo.b").await;
    let same = User { id: "me".to_owned(), email: "Jo@BÜCHER.de".to_owned(), ..Default::default() };
    let update = UpdateUserRequest { user: Some(same), update_mask: None };
    assert_eq!(outcome(replica.users().update_user(by(&tokens, update)).await).unwrap().email, jo.email);
}

#[tokio::test]
async fn what_people_are_known_by_hides_nothing() {
    let replica = House::new().await.replica().await;
    let address = |recipient: &str, line: &str| Address {
        recipient: recipient.to_owned(),
        lines: vec![line.to_owned()],
        city: "Lisboa".to_owned(),
        country_code: "PT".to_owned(),
        ..Address::default()
    };
    let hidden = "A\u{200b}na";
    for (field, bad) in [
        ("email", with_email("ana", "a\u{200b}na@example.com")),
        ("email", with_email("ana", "ana@exa\u{ad}mple.com")),
        ("email", with_email("ana", "ana@xn--99999999.com")),
        ("first_name", CreateUserRequest { first_name: hidden.to_owned(), ..registration("ana") }),
        ("last_name", CreateUserRequest { last_name: "\u{202e}avliS".to_owned(), ..registration("ana") }),
        ("password", CreateUserRequest { password: "long en\u{200b}ough".to_owned(), ..registration("ana") }),
        (
            "password",
            CreateUserRequest { password: "a\u{301}e\u{301}".repeat(2) + "i", ..registration("ana") },
        ),
        (
            "address.recipient",
            CreateUserRequest { address: Some(address(hidden, "1")), ..registration("ana") },
        ),
    ] {
        let fault = create(&replica, bad).await.unwrap_err();
        assert_eq!((fault.code, fault.fields[0].0.as_str()), (Code::InvalidArgument, field));
    }
    let given = CreateUserRequest { first_name: "Jo\u{308}rg".to_owned(), ..registration("ana") };
    assert_eq!(create(&replica, given).await.unwrap().first_name, "Jörg");
    let (ana, admin) = (replica.sign_in("ana").await, replica.sign_in("admin").await);
    let renamed = User { id: "me".to_owned(), last_name: hidden.to_owned(), ..Default::default() };
    let renamed = UpdateUserRequest { user: Some(renamed), update_mask: None };
    let moved =
        CreateAddressRequest { user_id: "me".to_owned(), address: Some(address("Ana", "Rua\u{2066} 1")) };
    let key = ApiKey { name: hidden.to_owned(), ..Default::default() };
    let key = CreateApiKeyRequest { user_id: "me".to_owned(), api_key: Some(key) };
    let role = |name: &str| CreateRoleRequest {
        role: Some(StaffRole {
            name: name.to_owned(),
            permissions: vec!["stock".to_owned()],
            ..Default::default()
        }),
    };
    let faults = [
        outcome(replica.users().update_user(by(&ana, renamed)).await).unwrap_err(),
        outcome(replica.users().create_address(by(&ana, moved)).await).unwrap_err(),
        outcome(replica.auth().create_api_key(by(&ana, key)).await).unwrap_err(),
        outcome(replica.users().create_role(by(&admin, role("sta\u{200b}ff"))).await).unwrap_err(),
    ];
    let fields = faults.map(|fault| fault.fields[0].0.clone());
    assert_eq!(fields, ["user.last_name", "address.lines[0]", "api_key.name", "role.name"]);
    let like_staff = outcome(replica.users().create_role(by(&admin, role("ｓｔａｆｆ"))).await).unwrap_err();
    assert_eq!(like_staff.code, Code::AlreadyExists);
}

#[tokio::test]
async fn a_password_counts_however_it_is_spelled_and_old_hashes_are_renewed() {
    let replica = House::new().await.replica().await;
    let (composed, apart) = ("pässwörd lang", "pa\u{308}sswo\u{308}rd\u{a0}lang");
    let given = CreateUserRequest { password: apart.to_owned(), ..registration("ana") };
    create(&replica, given).await.unwrap();
    for spelled in [composed, apart] {
        replica.try_sign_in("ana", spelled).await.unwrap();
    }
    // A hash of what was typed, as versions before had it: of a keyboard that writes accents apart.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let old = argon2.hash_password(apart.as_bytes()).unwrap().to_string();
    let update = async |hash: &str| {
        let set = format!("UPDATE users SET password_hash = '{hash}' WHERE username_folded = 'ana'");
        replica.db.read().execute_unprepared(&set).await.unwrap();
    };
    update(&old).await;
    assert!(replica.try_sign_in("ana", composed).await.is_err(), "not what was typed");
    replica.try_sign_in("ana", apart).await.unwrap();
    replica.try_sign_in("ana", composed).await.unwrap();
    // Where the old password is asked for, the old hash counts as well.
    update(&old).await;
    let tokens = replica.try_sign_in("ana", apart).await.unwrap();
    update(&old).await;
    let request = ChangePasswordRequest {
        id: "me".to_owned(),
        old_password: apart.to_owned(),
        new_password: "another hörse".to_owned(),
    };
    outcome(replica.users().change_password(by(&tokens, request)).await).unwrap();
    replica.try_sign_in("ana", "another ho\u{308}rse").await.unwrap();
}

/// Users as versions before stored them: their e-mails were compared in small letters.
async fn from_before(replica: &Replica, emails: &[&str]) -> Vec<UserId> {
    let like = outcome(replica.users().create_user(registration("like")).await).unwrap().id;
    let mut model = user::Entity::find_by_id(like.parse::<UserId>().unwrap())
        .one(replica.db.read())
        .await
        .unwrap()
        .unwrap();
    let mut ids = Vec::new();
    for (place, email) in emails.iter().enumerate() {
        model = user::Model {
            id: UserId::new(),
            username: format!("before{place}"),
            username_folded: format!("before{place}"),
            email: (*email).to_owned(),
            email_folded: names::fold(email),
            ..model
        };
        ids.push(model.id);
        let row = model.clone().into_active_model().reset_all();
        user::Entity::insert(row).exec_without_returning(replica.db.read()).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn accounts_that_were_two_for_one_mailbox_both_go_on() {
    let replica = House::new().await.replica().await;
    let emails = [
        // The eldest of the first mailbox has it in another form than the two younger ones.
        "jo@b\u{fc}cher.de",
        "Jo@xn--bcher-kva.de",
        "\u{212a}im@Example.org",
        "ｋｉｍ@example.org",
        "alone@b\u{fc}cher.de",
        "ada@example.org",
        "nobody@xn--99999999.org",
    ];
    let all = from_before(&replica, &emails).await;
    let (ids, others) = all.split_at(2);
    let again = async || {
        let statement = "DELETE FROM seaql_migrations WHERE version = 'm000014_canonical'";
        replica.db.read().execute_unprepared(statement).await.unwrap();
        replica.db.migrate::<Migrator>().await.unwrap();
        let rows = user::Entity::find().order_by_asc(user::Column::Id).all(replica.db.read()).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.email_folded)).collect::<Vec<_>>()
    };
    let once = again().await;
    assert_eq!(once, again().await, "it can be done again");
    let form = |id: UserId| once.iter().find(|(other, _)| *other == id).unwrap().1.clone();
    assert_eq!(form(ids[0]), "jo@xn--bcher-kva.de");
    assert_eq!(form(ids[1]), " jo@xn--bcher-kva.de jo@xn--bcher-kva.de");
    assert_eq!(
        (form(others[0]), form(others[2])),
        ("kim@example.org".into(), "alone@xn--bcher-kva.de".into())
    );
    assert_eq!(form(others[1]), " kim@example.org ｋｉｍ@example.org");
    // Each is let in by what it was called, the eldest by any spelling else.
    for (login, id) in [
        ("jo@bücher.de", ids[0]),
        ("JO@bu\u{308}cher.de", ids[0]),
        ("jo@xn--bcher-kva.de", ids[1]),
        ("kim@example.org", others[0]),
        ("ｋｉｍ@EXAMPLE.org", others[1]),
        ("alone@xn--bcher-kva.de", others[2]),
        ("Ada@example.org", others[3]),
        ("nobody@xn--99999999.org", others[4]),
    ] {
        let user = replica.try_sign_in(login, PASSWORD).await.unwrap().user.unwrap();
        assert_eq!(user.id, id.to_string(), "{login}");
    }
    // Nobody gets a mailbox that two have.
    let third = create(&replica, with_email("third", "jo@bücher.de")).await.unwrap_err();
    assert_eq!(third.code, Code::AlreadyExists);
    // What has nothing to do with it changes as ever; and who is alone with the mailbox again has it whole.
    let younger = replica.try_sign_in("jo@xn--bcher-kva.de", PASSWORD).await.unwrap();
    let renamed = User { id: "me".to_owned(), first_name: "Jo".to_owned(), ..Default::default() };
    let renamed = UpdateUserRequest { user: Some(renamed), update_mask: None };
    outcome(replica.users().update_user(by(&younger, renamed)).await).unwrap();
    let elder = replica.try_sign_in("jo@bücher.de", PASSWORD).await.unwrap();
    let gone = DeleteUserRequest { id: "me".to_owned(), etag: String::new() };
    outcome(replica.users().delete_user(by(&elder, gone)).await).unwrap();
    let heir = replica.try_sign_in("JO@BÜCHER.de", PASSWORD).await.unwrap().user.unwrap();
    assert_eq!(heir.id, ids[1].to_string());
    let third = create(&replica, with_email("third", "jo@bücher.de")).await.unwrap_err();
    assert_eq!(third.code, Code::AlreadyExists);
}
