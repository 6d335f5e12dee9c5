//! Articles in and out by the file.

mod tables;

use std::time::Duration;

use contracts::{
    article::{
        Article, CreateArticleRequest, ExportArticlesRequest, ImportArticlesRequest, ImportArticlesResponse,
        article_service_client::ArticleServiceClient,
    },
    user::{Role, SetRolesRequest, SignOutRequest},
};
use futures::{StreamExt, stream};
use http::Method;
use serde_json::{Value, json};

use crate::support::{
    Client, Code, Edge, Outcome, Refused, Reply, Setup, eur, files, shop::PASSWORD, transcode, until,
};

on_both_edges!(
    a_file_of_articles_is_imported_and_exported_again,
    a_bad_row_is_told_and_harms_no_other,
    import_and_export_are_for_staff,
    an_export_goes_on_after_the_last_article_that_came,
    an_import_ends_with_its_session_and_not_before,
);
tests!(
    an_upload_that_breaks_off_leaves_whole_rows,
    a_large_file_goes_through_in_little_memory,
    what_is_no_file_of_rows_is_refused,
);

const NDJSON: &str = "application/x-ndjson";

fn row(number: usize) -> ImportArticlesRequest {
    ImportArticlesRequest {
        code: format!("R-{number:04}"),
        name: Some(format!("Row {number}")),
        price: Some(eur(number as i64)),
        active: Some(true),
        received: 2,
        ..Default::default()
    }
}

/// Created, updated, unchanged, failed.
fn counts(answer: &ImportArticlesResponse) -> [i64; 4] {
    [answer.created, answer.updated, answer.unchanged, answer.failed]
}

async fn all(staff: &Client) -> Vec<Article> {
    staff.export_articles(ExportArticlesRequest::default()).await.unwrap()
}

/// What became of a file.
async fn import(staff: &Client, lines: impl Into<reqwest::Body>) -> ImportArticlesResponse {
    let outcome: Outcome<ImportArticlesResponse> = files::json(staff.import_text(NDJSON, lines).await);
    outcome.unwrap().body
}

/// Covers: article.import.
async fn a_file_of_articles_is_imported_and_exported_again(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let rows: Vec<_> = (0..300).map(row).collect();
    assert_eq!(counts(&staff.import_articles(rows.clone()).await.unwrap()), [300, 0, 0, 0]);
    let articles = all(&staff).await;
    let codes = articles.iter().map(|article| &article.code);
    assert!(codes.eq(rows.iter().map(|row| &row.code)), "in the order of the rows");
    assert!(articles.iter().all(|article| article.available == 2 && article.active));
    assert_eq!(counts(&staff.import_articles(rows.clone()).await.unwrap()), [0, 0, 300, 0]);
    assert_eq!(all(&staff).await, articles, "nothing is done twice");

    let cheaper = ImportArticlesRequest { code: "R-0007".into(), price: Some(eur(1)), ..Default::default() };
    assert_eq!(counts(&staff.import_articles(vec![cheaper]).await.unwrap()), [0, 1, 0, 0]);
    let changed = staff.article(&articles[7].id).await.unwrap().body;
    assert_eq!((changed.price, changed.name.as_str(), changed.available), (Some(eur(1)), "Row 7", 2));
    assert_eq!(staff.import_articles(Vec::new()).await.unwrap().body, ImportArticlesResponse::default());
}

/// Covers: article.import.
async fn a_bad_row_is_told_and_harms_no_other(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let rows = vec![
        row(1),
        ImportArticlesRequest { code: "a b".into(), tax_rate_basis_points: Some(10_001), ..row(2) },
        ImportArticlesRequest { price: Some(eur(-1)), ..row(3) },
        ImportArticlesRequest { code: "NEW".into(), ..Default::default() },
        row(5),
        // What ends any other call is a row's failure here.
        ImportArticlesRequest { name: Some("a\0b".into()), ..row(6) },
    ];
    let answer = staff.import_articles(rows).await.unwrap().body;
    assert_eq!(counts(&answer), [2, 0, 0, 4]);
    let told = answer.errors.iter().map(|error| {
        let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        (error.row, error.code.as_str(), fields)
    });
    let fields = vec!["code", "tax_rate_basis_points"];
    assert!(
        told.eq([
            (2, "a b", fields),
            (3, "R-0003", vec!["price"]),
            (4, "NEW", vec!["name"]),
            (6, "R-0006", vec!["name"])
        ]),
        "{answer:?}"
    );
    // The text is that of any other request.
    let article = Article { code: "a b".into(), name: "x".into(), ..Default::default() };
    let refusal = staff.create_article(CreateArticleRequest { article: Some(article) }).await.unwrap_err();
    assert_eq!(refusal.message, format!("article.code: {}", answer.errors[0].violations[0].description));
    assert_eq!(all(&staff).await.len(), 2);
}

async fn import_and_export_are_for_staff(setup: Setup) {
    let mesh = setup.start().await;
    let (anybody, ada) = (mesh.client(), mesh.shopper().await);
    anybody.import_articles(vec![row(1)]).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    ada.import_articles(vec![row(1)]).await.denied();
    for (caller, code) in [(&anybody, Code::Unauthenticated), (&ada.client, Code::PermissionDenied)] {
        let refusal = caller.export_articles(ExportArticlesRequest::default()).await.unwrap_err();
        assert_eq!(refusal.code, code);
    }
    let staff = mesh.admin().await;
    assert_eq!(all(&staff).await, []);
}

/// Covers: article.export.
async fn an_export_goes_on_after_the_last_article_that_came(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let rows = (0..520).map(|number| ImportArticlesRequest { active: Some(number % 2 == 0), ..row(number) });
    staff.import_articles(rows.collect()).await.unwrap();
    let articles = all(&staff).await;
    for place in [0, 259, 518, 519] {
        let after = articles[place].id.clone();
        let rest =
            staff.export_articles(ExportArticlesRequest { after, ..Default::default() }).await.unwrap();
        assert_eq!(rest, articles[place + 1..]);
    }
    // 50, 52, … 58 and 500, 502, … 518.
    let active = ExportArticlesRequest { active: Some(true), query: "row 5".into(), ..Default::default() };
    assert_eq!(staff.export_articles(active).await.unwrap().len(), 15);
    let bad = ExportArticlesRequest { after: "art_1".into(), ..Default::default() };
    assert_eq!(staff.export_articles(bad).await.unwrap_err().fields, ["after"]);
    let (min_price, max_price) = (Some(eur(2)), Some(eur(1)));
    let crossed = ExportArticlesRequest { min_price, max_price, ..Default::default() };
    assert_eq!(staff.export_articles(crossed).await.unwrap_err().fields, ["min_price"]);
    if staff.edge == Edge::Rest {
        let reader =
            staff.http().with("accept", "text/event-stream").with("last-event-id", &articles[517].id);
        let text = reader.get("/v1/articles:export").await.text();
        let first = format!("retry: 2000\n\nid: {}\nevent: message\n", articles[518].id);
        assert!(text.starts_with(&first), "{text}");
    }
}

async fn an_import_ends_with_its_session_and_not_before(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shopper().await);
    let roles = vec![Role::Customer.into(), Role::Staff.into()];
    admin.set_roles(SetRolesRequest { id: ada.user.id.clone(), roles, role_ids: vec![] }).await.unwrap();
    let staff = mesh.client().sign_in_as(&ada.user.username, PASSWORD).await.unwrap().client;
    let endless = stream::iter([row(1)]).chain(stream::pending());
    let caller = staff.clone();
    let import = tokio::spawn(async move {
        match caller.edge {
            Edge::Rest => {
                let line = |row| format!("{}\n", Value::Object(transcode::json(&row)));
                let lines = endless.map(move |row| Ok::<_, std::io::Error>(line(row)));
                let reply = caller.import_text(NDJSON, reqwest::Body::wrap_stream(lines)).await;
                files::json::<ImportArticlesResponse>(reply)
            }
            Edge::Grpc => {
                let mut client = ArticleServiceClient::new(caller.channel("feira.article.v1"));
                Client::answered(client.import_articles(caller.sign(endless)).await)
            }
        }
    });
    until("the first row does not wait for the others", || async {
        (all(&admin).await.len() == 1).then_some(())
    })
    .await;
    assert!(!import.is_finished());
    staff.sign_out(SignOutRequest::default()).await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(20), import).await.expect("it ends").unwrap();
    refused.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: article.import.
async fn an_upload_that_breaks_off_leaves_whole_rows(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let line = |number: usize| {
        json!({"code": format!("R-{number:04}"), "name": "x", "received": "1"}).to_string() + "\n"
    };
    let lines = (0..600).map(move |number| Ok(line(number)));
    let gone = stream::iter([Err(std::io::Error::other("the sender went away"))]);
    let body = reqwest::Body::wrap_stream(stream::iter(lines).chain(gone));
    let request = staff.http().request(Method::POST, "/v1/articles:import").header("content-type", NDJSON);
    assert!(Reply::try_read(request.body(body)).await.is_err());
    let before = all(&staff).await;
    assert!(before.len() <= 600 && before.iter().all(|article| article.available == 1));
    let answer = import(&staff, (0..600).map(line).collect::<String>()).await;
    assert_eq!((answer.created + answer.unchanged, answer.updated + answer.failed), (600, 0));
    let articles = all(&staff).await;
    assert_eq!(articles.len(), 600);
    assert!(articles.iter().all(|article| article.available == 1), "received once");
}

/// Covers: article.import.
async fn a_large_file_goes_through_in_little_memory(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    // 80 MB of rows that fail, each longer than what is remembered of them.
    let line = format!("{{\"code\":\"x\",\"description\":\"{}\"}}\n", "y".repeat(1_000_000));
    let lines = stream::iter((0..80).map(move |_| Ok::<_, std::io::Error>(line.clone())));
    let before = mesh.main().most_memory();
    let answer = import(&staff, reqwest::Body::wrap_stream(lines)).await;
    assert_eq!(counts(&answer), [0, 0, 0, 80]);
    let more = mesh.main().most_memory() - before;
    assert!(more < 40_000_000, "{more} bytes more than before");
}

async fn what_is_no_file_of_rows_is_refused(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    for content_type in ["application/jsonp", "text/plain", "application/vnd.ms-excel"] {
        let reply = staff.import_text(content_type, "{}").await;
        let refusal = reply.refused(415, "INVALID_ARGUMENT", "UNSUPPORTED_MEDIA_TYPE");
        assert!(refusal.message.contains(NDJSON) && refusal.message.contains("text/csv"), "{refusal:?}");
    }
    let endless = staff.import_text(NDJSON, "x".repeat(5_000_000)).await;
    endless.refused(413, "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE");
    assert_eq!(all(&staff).await, []);
}
