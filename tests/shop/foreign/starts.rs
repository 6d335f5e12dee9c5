//! How it starts: contracts from reflection or a file, several upstreams, and what cannot be served.

use serde_json::json;
use tempfile::tempdir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::{
    Edge, Foreign, Reflects, gateway,
    protocols::{BOOK, annotate},
    server::{EDITION, contract},
};
use crate::{
    support::{Setup, process::Start},
    tls::certificate,
};

tests!(
    a_foreign_service_is_served_from_its_reflection,
    a_contract_comes_from_a_file_where_there_is_no_reflection,
    several_upstreams_have_routes_of_their_own,
    an_upstream_by_tls_is_known_by_its_certificate,
    a_contract_of_an_edition_comes_by_reflection_and_from_a_file,
    json_is_answered_as_the_settings_say,
    what_cannot_be_served_is_exit_code_2_and_says_what_to_do,
);

/// Covers: mesh.gateway.
async fn a_foreign_service_is_served_from_its_reflection(_: Setup) {
    for reflects in [Reflects::V1, Reflects::V1Alpha] {
        let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", reflects).await);
        let edge = Edge::start(&gateway(&[&books.url], ""), folder.path());
        let book = edge.json("/books/b1?title=x").await;
        assert_eq!(book, json!({"id": "b1", "title": "x", "sequels": []}), "{reflects:?}");
        let answer = edge.post("/books", "application/json", r#"{"id":"b2","sequels":[{"id":"b3"}]}"#).await;
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["sequels"][0]["id"], "b3");
        let lines = edge.get("/books/b4:watch").await.text().await.unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        let bad = edge.post("/books", "application/json", r#"{"nobody":1}"#).await;
        assert_eq!(bad.status(), 400);
        assert_eq!(edge.status("/nowhere").await, 404);
        // What the contract says nothing of has the place that gRPC gives it.
        let answer = edge.post("/books.v1.Books/Annotate", "application/json", r#"{"id":"b5"}"#).await;
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["id"], "b5");
        let document = edge.json("/openapi.json").await;
        assert!(document["paths"]["/books/{id}"]["get"].is_object());
        assert_eq!(edge.json("/healthz").await, json!({"status": "SERVING"}));
        // No shop behind it, and no files either.
        assert_eq!(edge.json("/").await["docs"], "/docs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        edge.process.stop();
    }
}

/// Covers: mesh.gateway.
async fn a_contract_comes_from_a_file_where_there_is_no_reflection(_: Setup) {
    let (folder, books) = (tempdir().unwrap(), Foreign::serve("books", Reflects::Not).await);
    std::fs::write(folder.path().join("books.bin"), contract("books")).unwrap();
    let edge = Edge::start(&gateway(&[&books.url], "--descriptors books.bin"), folder.path());
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
}

/// Covers: mesh.gateway.
async fn several_upstreams_have_routes_of_their_own(_: Setup) {
    let folder = tempdir().unwrap();
    let (books, films) =
        (Foreign::serve("books", Reflects::V1).await, Foreign::serve("films", Reflects::V1Alpha).await);
    let edge = Edge::start(&gateway(&[&books.url, &films.url], ""), folder.path());
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
    assert_eq!(
        edge.json("/films/f1").await,
        json!({"id": "f1", "genre": "GENRE_UNSPECIFIED", "firstShown": 0})
    );
    assert_eq!((books.calls.lock().unwrap().len(), films.calls.lock().unwrap().len()), (1, 1));
    let document = edge.json("/openapi.json").await;
    assert!(document["paths"]["/books/{id}"].is_object() && document["paths"]["/films/{id}"].is_object());
}

/// Covers: mesh.gateway, mesh.tls.
async fn an_upstream_by_tls_is_known_by_its_certificate(_: Setup) {
    let folder = tempdir().unwrap();
    let pem = certificate(folder.path());
    let key = std::fs::read(folder.path().join("key.pem")).unwrap();
    let books = Foreign::serve_by_tls("books", Identity::from_pem(&pem, key)).await;
    let edge = Edge::start(&gateway(&[&books.url], "--upstream-ca cert.pem"), folder.path());
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
    edge.process.stop();
    // To whoever knows another authority it is a stranger, whose contract may come once it is none.
    let edge = Edge::start(&gateway(&[&books.url], ""), folder.path());
    assert_eq!(edge.status("/books/b1").await, 503);
    edge.logs("contract.not_loaded").await;
    assert!(edge.process.stderr().to_lowercase().contains("certificate"), "{}", edge.process.stderr());
    assert_eq!(books.calls.lock().unwrap().len(), 1);
    // The port itself by TLS: HTTP/2, and gRPC over it.
    let flags = "--upstream-ca cert.pem --tls-cert cert.pem --tls-key key.pem";
    let edge = Edge::start(&gateway(&[&books.url], flags), folder.path());
    let root = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&pem)).domain_name("localhost");
    let channel = Endpoint::from_shared(edge.url.clone()).unwrap().tls_config(root).unwrap();
    assert_eq!(annotate(channel.connect().await.unwrap()).await, BOOK);
}

/// Covers: mesh.gateway.
async fn a_contract_of_an_edition_comes_by_reflection_and_from_a_file(_: Setup) {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("case.bin"), contract(EDITION)).unwrap();
    for (reflects, flags) in [(Reflects::V1, ""), (Reflects::Not, "--descriptors case.bin")] {
        let cases = Foreign::serve(EDITION, reflects).await;
        let edge = Edge::start(&gateway(&[&cases.url], flags), folder.path());
        let case = r#"{"id":"c","own":{"under":{"name":"u"}},"open":9}"#;
        let answer = edge.post("/cases", "application/json", case).await;
        let whole = json!({"id": "c", "sizes": [], "open": 9, "opens": [], "own": {"under": {"name": "u"}}});
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), whole, "{reflects:?}");
        for lacks in [r#"{"own":{}}"#, r#"{"id":"c","own":{},"size":4}"#] {
            assert_eq!(edge.post("/cases", "application/json", lacks).await.status(), 400, "{lacks}");
        }
        edge.process.stop();
    }
}

/// Covers: mesh.gateway.
async fn json_is_answered_as_the_settings_say(_: Setup) {
    let folder = tempdir().unwrap();
    let films = Foreign::serve("films", Reflects::V1).await;
    let flags = "--json-defaults omit --json-names proto --json-enums numbers";
    let file = "json-defaults = \"omit\"\njson-names = \"proto\"\njson-enums = \"numbers\"\n";
    std::fs::write(folder.path().join("feira.toml"), file).unwrap();
    for flags in [flags, "--config feira.toml"] {
        let edge = Edge::start(&gateway(&[&films.url], flags), folder.path());
        assert_eq!(edge.json("/films/f1").await, json!({"id": "f1"}), "{flags}");
        let film = edge.json("/films/f1?genre=GENRE_DRAMA&firstShown=1999").await;
        assert_eq!(film, json!({"id": "f1", "genre": 1, "first_shown": 1999}), "{flags}");
        let document = edge.json("/openapi.json").await;
        assert!(document["components"]["schemas"]["Film"]["properties"]["first_shown"].is_object());
        edge.process.stop();
    }
    let refused = gateway(&[&films.url], "--json-names kebab").run(folder.path());
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

/// Covers: mesh.gateway.
async fn what_cannot_be_served_is_exit_code_2_and_says_what_to_do(_: Setup) {
    let folder = tempdir().unwrap();
    let books = Foreign::serve("books", Reflects::V1).await;
    let twin = Foreign::serve("books", Reflects::V1).await;
    let others = Foreign::serve("others", Reflects::V1).await;
    let mute = Foreign::serve("books", Reflects::Not).await;
    let (books_url, twin_url) = (books.url.as_str(), twin.url.as_str());
    let unknown = format!("nobody.v1={books_url}");
    std::fs::write(folder.path().join("broken.bin"), "this is none").unwrap();
    let refused = |start: Start, says: &[&str]| {
        let ended = start.run(folder.path());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        for says in says {
            assert!(ended.stderr.contains(says), "{says}: {}", ended.stderr);
        }
    };
    refused(Start::of("gateway"), &["--upstream http://"]);
    refused(gateway(&["localhost:1"], ""), &["http://"]);
    refused(gateway(&[&mute.url], ""), &[&mute.url, "no server reflection", "--descriptors", "protoc"]);
    refused(
        gateway(&[books_url, &others.url], ""),
        &["GET /books/{", "same route", "books.v1.Books", "others.v1.Others"],
    );
    refused(
        gateway(&[books_url, twin_url], ""),
        &["books.v1.Books", books_url, twin_url, "--upstream books.v1.Books=URL"],
    );
    refused(gateway(&[&unknown], ""), &["no service or package nobody.v1"]);
    refused(gateway(&[books_url], "--descriptors broken.bin"), &["broken.bin", "FileDescriptorSet"]);
    refused(gateway(&[books_url], "--descriptors absent.bin"), &["--descriptors", "absent.bin"]);
    refused(gateway(&[books_url], "--request-header host"), &["never handed on"]);
    // By a name it is clear whose it is.
    let named = format!("books.v1={twin_url}");
    let edge = Edge::start(&gateway(&[books_url, &named], ""), folder.path());
    assert_eq!(edge.json("/books/b1").await["id"], "b1");
    assert_eq!((books.calls.lock().unwrap().len(), twin.calls.lock().unwrap().len()), (0, 1));
}
