//! Every method of the contract with every kind of caller: who is let in is read from the descriptors, by the test's own
//! reading of the rules.

use std::collections::BTreeSet;

use bytes::{Buf as _, BufMut as _, Bytes};
use contracts::user::{
    ApiKey, CreateApiKeyRequest, CreateRoleRequest, RevokeApiKeyRequest, SetRolesRequest, StaffRole,
};
use kit::Role;
use prost_reflect::{MethodDescriptor, Value};
use tonic::{
    Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::support::{Client, Code, Mesh, Setup, Shopper, shop::PASSWORD, until};

tests!(every_method_lets_in_whom_its_rule_names_and_nobody_else);

const PERMISSIONS: [&str; 10] = [
    "catalogue",
    "stock",
    "fulfilment",
    "adjustments",
    "payments",
    "refunds",
    "customers",
    "staff",
    "reports",
    "operations",
];

/// What a rule says.
#[derive(Debug)]
struct Rule {
    path: String,
    who: i32,
    permissions: BTreeSet<String>,
    no_keys: bool,
    expired: bool,
    read: bool,
    package: &'static str,
    /// The parts of the mesh that it lets in.
    parts: BTreeSet<String>,
}

impl Rule {
    fn of(method: &MethodDescriptor) -> Self {
        let pool = contracts::pool();
        let option = |name: &str| {
            let extension = pool.get_extension_by_name(name).expect("an option");
            let options = method.options();
            options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
        };
        let rule = option("feira.access.v1.rule").expect("a rule");
        let rule = rule.as_message().expect("a message");
        let get = |field: &str| rule.get_field_by_name(field).expect("a field").into_owned();
        let named = |field: &str, kind: &str, prefix: &str| -> BTreeSet<String> {
            let names = pool.get_enum_by_name(kind).expect("an enum");
            let listed = get(field);
            let listed = listed.as_list().expect("a list").iter().map(|number| {
                let value = names.get_value(number.as_enum_number().expect("a number")).expect("a value");
                value.name().trim_start_matches(prefix).to_lowercase()
            });
            listed.collect()
        };
        let http = option("google.api.http");
        let read = http.is_some_and(|http| http.as_message().is_some_and(|it| it.has_field_by_name("get")));
        let packages = [
            "feira.user.v1",
            "feira.article.v1",
            "feira.order.v1",
            "feira.payment.v1",
            "feira.mesh.v1",
            "feira.event.v1",
        ];
        let service = method.parent_service();
        Self {
            path: format!("/{}/{}", service.full_name(), method.name()),
            who: get("who").as_enum_number().expect("a number"),
            permissions: named("permissions", "feira.access.v1.Permission", "PERMISSION_"),
            parts: named("parts", "feira.access.v1.Part", "PART_"),
            no_keys: get("no_keys") == Value::Bool(true),
            expired: get("expired") == Value::Bool(true),
            read,
            package: packages
                .into_iter()
                .find(|name| service.full_name().starts_with(name))
                .expect("a package"),
        }
    }

    /// What a caller meets: the two codes of a refusal by the rule, or none of them.
    fn expected(&self, caller: &Kind) -> Option<Code> {
        const PUBLIC: i32 = 1;
        const SIGNED_IN: i32 = 2;
        const OWNER: i32 = 3;
        const STAFF: i32 = 4;
        const ADMIN: i32 = 5;
        const MESH: i32 = 6;
        let names = |all: &[&str]| all.iter().any(|one| self.permissions.contains(*one));
        let denied = |let_in: bool| (!let_in).then_some(Code::PermissionDenied);
        let as_user = |held: &[&str]| match self.who {
            PUBLIC | SIGNED_IN | OWNER => None,
            STAFF | ADMIN => denied(names(held)),
            _ => Some(Code::PermissionDenied),
        };
        match caller {
            Kind::Nobody => match self.who {
                PUBLIC => None,
                MESH => Some(Code::PermissionDenied),
                _ => Some(Code::Unauthenticated),
            },
            Kind::User(held) => as_user(held),
            Kind::Part(role) => denied(self.parts.contains(role.name())),
            Kind::Refused if self.expired => None,
            Kind::Refused => Some(Code::Unauthenticated),
            Kind::Key(..) if self.no_keys => Some(Code::PermissionDenied),
            Kind::Key(held, scopes) if scopes.is_empty() => as_user(held),
            Kind::Key(held, scopes) => {
                let in_scope = (scopes.contains(&"read") && self.read) || names(scopes);
                if in_scope || self.who == PUBLIC { as_user(held) } else { Some(Code::PermissionDenied) }
            }
        }
    }
}

/// What a caller is.
#[derive(Debug)]
enum Kind {
    Nobody,
    /// With these permissions.
    User(Vec<&'static str>),
    /// With an API key of somebody with these permissions, limited to these scopes.
    Key(Vec<&'static str>, Vec<&'static str>),
    /// With an API key that counts no more.
    Refused,
    /// A part of the mesh.
    Part(Role),
}

/// Messages as bytes.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// What an empty message to a method gets. It is one that no handler does anything with, but for those of reads.
async fn call(client: &Client, rule: &Rule) -> Result<(), Status> {
    let mut grpc = Grpc::new(client.channel(rule.package));
    grpc.ready().await.expect("a connection");
    let mut request = client.sign(Bytes::new());
    request.set_timeout(std::time::Duration::from_secs(20));
    let path = rule.path.parse().expect("a path");
    // Headers come before the first message of a stream, and a refusal before both.
    grpc.server_streaming(request, path, Raw).await.map(|_| ())
}

async fn key(owner: &Shopper, scopes: &[&str]) -> ApiKey {
    let scopes = scopes.iter().map(ToString::to_string).collect();
    let api_key = Some(ApiKey { name: "k".into(), scopes, ..Default::default() });
    owner.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap().body
}

/// Somebody with a role of one permission.
async fn clerk(mesh: &Mesh, admin: &Shopper, permission: &str) -> Shopper {
    let role = StaffRole {
        name: format!("only {permission}"),
        permissions: vec![permission.into()],
        ..StaffRole::default()
    };
    let role = admin.create_role(CreateRoleRequest { role: Some(role) }).await.unwrap();
    let name = format!("clerk-{permission}");
    let id = mesh.client().register(&name).await.user.id;
    let request = SetRolesRequest { id, roles: vec![], role_ids: vec![role.id.clone()] };
    admin.set_roles(request).await.unwrap();
    mesh.client().sign_in_as(&name, PASSWORD).await.unwrap()
}

async fn callers(mesh: &Mesh) -> Vec<(String, Kind, Client)> {
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let all = || PERMISSIONS.to_vec();
    let by = |key: &ApiKey| mesh.client().signed_in(&key.secret);
    let mut callers = vec![
        ("nobody".into(), Kind::Nobody, mesh.client()),
        ("a customer".into(), Kind::User(vec![]), ada.client.clone()),
        ("an administrator".into(), Kind::User(all()), admin.client.clone()),
    ];
    let staff = crate::users::with_roles(mesh, "staff", &[contracts::user::Role::Staff]).await;
    let of_staff: Vec<_> = all().into_iter().filter(|it| *it != "staff").collect();
    callers.push(("staff".into(), Kind::User(of_staff), staff.client.clone()));
    for permission in PERMISSIONS {
        let clerk = clerk(mesh, &admin, permission).await;
        callers.push((
            format!("a role with {permission}"),
            Kind::User(vec![permission]),
            clerk.client.clone(),
        ));
        let one = key(&admin, &[permission]).await;
        callers.push((format!("a key for {permission}"), Kind::Key(all(), vec![permission]), by(&one)));
    }
    callers.push(("a key for all".into(), Kind::Key(all(), vec![]), by(&key(&admin, &[]).await)));
    callers.push(("a key to read".into(), Kind::Key(all(), vec!["read"]), by(&key(&admin, &["read"]).await)));
    let hers = key(&ada, &["read", "stock"]).await;
    callers.push(("a customer's key".into(), Kind::Key(vec![], vec!["read", "stock"]), by(&hers)));
    let revoked = key(&admin, &[]).await;
    let revoke = RevokeApiKeyRequest { user_id: "me".into(), id: revoked.id.clone() };
    admin.revoke_api_key(revoke).await.unwrap();
    callers.push(("a revoked key".into(), Kind::Refused, by(&revoked)));
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
    let api_key = Some(ApiKey { name: "k".into(), expire_time: Some(soon.into()), ..Default::default() });
    let request = CreateApiKeyRequest { user_id: "me".into(), api_key };
    let expired = admin.create_api_key(request).await.unwrap();
    let expired = by(&expired);
    let me = || contracts::user::GetUserRequest { id: "me".into() };
    until("the key expires", || async { expired.get_user(me()).await.err() }).await;
    callers.push(("an expired key".into(), Kind::Refused, expired));
    callers
}

/// Covers: access, user.permissions, user.api-keys.
async fn every_method_lets_in_whom_its_rule_names_and_nobody_else(setup: Setup) {
    let mesh = setup.start().await;
    let callers = callers(&mesh).await;
    let services = contracts::pool().services().filter(|it| it.full_name().starts_with("feira."));
    let methods: Vec<_> = services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let rules = methods.iter().filter(|method| !method.is_client_streaming()).map(Rule::of);
    let (mut cells, mut wrong) = (0, Vec::new());
    // Signing out ends the session that others still need.
    for rule in rules.filter(|rule| !rule.path.ends_with("/SignOut")) {
        let role = match rule.package.split('.').nth(1).expect("a role") {
            "event" => "mesh",
            role => role,
        };
        let parts = Role::PARTS.map(|part| {
            let client = mesh.client().signed_in(&mesh.token(part, role));
            (format!("the role {part}"), Kind::Part(part), client)
        });
        for (name, kind, client) in callers.iter().chain(&parts) {
            cells += 1;
            let got = call(client, &rule).await.err().map(|status| status.code());
            let refused = got.filter(|code| matches!(code, Code::Unauthenticated | Code::PermissionDenied));
            if refused != rule.expected(kind) {
                wrong.push(format!("{} by {name}: {got:?}, {:?} expected", rule.path, rule.expected(kind)));
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}", wrong.len(), wrong.join("\n"));
}
