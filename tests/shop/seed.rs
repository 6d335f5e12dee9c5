//! `feira seed`: the same number makes the same shop, once, whatever becomes of it in between.

use std::{collections::BTreeMap, path::Path};

use contracts::{
    article::ListArticlesRequest,
    order::{GetOpenOrderRequest, ListOrdersRequest, OrderState},
    user::ListUsersRequest,
};
use rustix::process::Signal;

use crate::support::{
    Client, Mesh, Setup, Shopper,
    mesh::{ADMIN_PASSWORD, client_of},
    process::{Ended, Process, Start},
    until,
};

tests!(
    a_seeded_shop_is_open_for_business,
    seeding_again_makes_nothing_twice,
    a_seed_that_was_killed_goes_on_to_the_same_shop,
    two_seeds_fit_into_one_shop,
    a_larger_shop_grows_out_of_a_smaller_one,
    a_folder_can_be_seeded_before_it_is_served,
    what_cannot_be_is_refused,
);

/// An order's shopper, its articles' codes with quantities, and its state.
type Seeded = (String, Vec<(String, i32)>, OrderState);

/// Everything of a shop that a number decides.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shop {
    /// Name, price, whether it is for sale, free units, and whether it has a picture, by code.
    articles: BTreeMap<String, (String, String, bool, i64, bool)>,
    users: Vec<(String, String)>,
    /// Who bought what, and where that is by now.
    orders: Vec<Seeded>,
}

/// What staff sees.
async fn look(staff: &Client) -> Shop {
    let (mut articles, mut page_token) = (BTreeMap::new(), String::new());
    loop {
        let request = ListArticlesRequest { page_size: 1000, page_token, ..Default::default() };
        let page = staff.list_articles(request).await.unwrap().body;
        for it in page.articles {
            let price = it.price.map(|price| format!("{price:?}")).unwrap_or_default();
            let pictured = !it.image_url.is_empty();
            articles.insert(it.code, (it.name, price, it.active, it.available, pictured));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let request = ListUsersRequest { page_size: 1000, query: "demo-".into(), ..Default::default() };
    let all = staff.list_users(request).await.unwrap().body.users;
    let names: BTreeMap<String, String> = all.iter().map(|it| (it.id.clone(), it.username.clone())).collect();
    let mut users: Vec<_> =
        all.into_iter().map(|it| (it.username, it.first_name + " " + &it.last_name)).collect();
    users.sort();
    let request = ListOrdersRequest { page_size: 1000, ..Default::default() };
    let mut orders: Vec<_> = staff
        .list_orders(request)
        .await
        .unwrap()
        .body
        .orders
        .into_iter()
        .map(|order| {
            let mut lines: Vec<_> =
                order.lines.iter().map(|line| (line.code.clone(), line.quantity)).collect();
            lines.sort();
            (names[&order.user_id].clone(), lines, order.state())
        })
        .collect();
    orders.sort_by(|one, other| (&one.0, &one.1, one.2 as i32).cmp(&(&other.0, &other.1, other.2 as i32)));
    Shop { articles, users, orders }
}

/// A small shop in the system that a mesh is.
fn seeding(mesh: &Mesh, words: &str) -> Start {
    Start::of(&format!("seed --articles 30 --users 6 --orders 16 --at-once 4 {words}"))
        .arg("--url", &mesh.grpc_url("feira-0"))
        .env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD)
}

fn seed(mesh: &Mesh, words: &str) -> Ended {
    let ended = seeding(mesh, words).run(mesh.folder());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

async fn started(setup: &Setup) -> (Mesh, Shopper) {
    let mesh = setup.clone().start().await;
    let staff = mesh.admin().await;
    (mesh, staff)
}

/// The last word of the summary.
fn password(ended: &Ended) -> String {
    ended.stdout.trim().rsplit(' ').next().unwrap().to_owned()
}

/// Covers: mesh.seed.
async fn a_seeded_shop_is_open_for_business(setup: Setup) {
    let (mesh, staff) = started(&setup).await;
    let ended = seed(&mesh, "--baskets 2");
    let shop = look(&staff).await;
    assert_eq!((shop.articles.len(), shop.users.len()), (30, 6));
    let of = |state: OrderState| shop.orders.iter().filter(|order| order.2 == state).count();
    assert_eq!(shop.orders.len() - of(OrderState::Open), 16);
    let states = [OrderState::Delivered, OrderState::Shipped, OrderState::Paid, OrderState::Cancelled];
    assert!(states.iter().filter(|state| of(**state) > 0).count() >= 3, "{shop:#?}");
    assert!(ended.stdout.contains("articles  30 (30 new)"), "{}", ended.stdout);
    assert!(ended.stdout.contains("pictures  30 (30 new)"), "{}", ended.stdout);
    assert!(shop.articles.values().all(|article| article.4), "every article has a picture");

    // A demo shopper signs in with the password that was told, finds her basket, and buys.
    let ada = mesh.client().sign_in_as("demo-42-1", &password(&ended)).await.unwrap();
    let basket = ada.get_open_order(GetOpenOrderRequest::default()).await.unwrap().body;
    assert!(!basket.lines.is_empty());
    let paid = ada.pay(&basket.id, "sim_approve").await.unwrap().body;
    assert_eq!(paid.state(), OrderState::Paid);
    staff.ship(&paid.id).await.unwrap();
    let tea =
        ada.list_articles(ListArticlesRequest { query: "tea".into(), ..Default::default() }).await.unwrap();
    assert!(!tea.articles.is_empty());
}

/// Covers: mesh.seed.
async fn a_larger_shop_grows_out_of_a_smaller_one(setup: Setup) {
    let (mesh, staff) = started(&setup).await;
    seed(&mesh, "--shopper-password correct-horse");
    let small = look(&staff).await;
    let larger =
        Start::of("seed --articles 45 --users 8 --orders 20 --at-once 4 --shopper-password correct-horse");
    let ended = larger.arg("--url", &mesh.grpc_url("feira-0")).env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD);
    let ended = ended.run(mesh.folder());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let large = look(&staff).await;
    assert_eq!((large.articles.len(), large.users.len()), (45, 8));
    // With more to choose from, the same dice fall on other orders: those are made beside the old ones.
    assert!(small.orders.iter().all(|order| large.orders.contains(order)), "{small:#?}\n{large:#?}");
    assert!(small.articles.keys().all(|code| large.articles.contains_key(code)));
}

/// Covers: mesh.seed.
async fn seeding_again_makes_nothing_twice(setup: Setup) {
    let (mesh, staff) = started(&setup).await;
    seed(&mesh, "--shopper-password correct-horse");
    let once = look(&staff).await;
    let again = seed(&mesh, "--shopper-password correct-horse");
    assert_eq!(look(&staff).await, once);
    assert!(again.stdout.contains("articles  30 (0 new)"), "{}", again.stdout);
    assert!(again.stdout.contains("orders    16 (0 new)"), "{}", again.stdout);
    assert!(!(again.stdout + &again.stderr).contains("correct-horse"));

    // A larger one of the same number grows out of it.
    let more = Start::of("seed --articles 60 --users 6 --orders 0 --baskets 0")
        .arg("--url", &mesh.grpc_url("feira-0"))
        .env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .run(mesh.folder());
    assert_eq!(more.code, Some(0), "{}", more.stderr);
    let grown = look(&staff).await;
    assert_eq!(grown.articles.len(), 60);
    assert!(once.articles.iter().all(|(code, article)| grown.articles[code] == *article));
}

/// Covers: mesh.seed, mesh.crash.
async fn a_seed_that_was_killed_goes_on_to_the_same_shop(setup: Setup) {
    let (calm, calm_staff) = started(&setup).await;
    seed(&calm, "--shopper-password correct-horse");
    let expected = look(&calm_staff).await;

    let (mesh, staff) = started(&setup).await;
    let start = seeding(&mesh, "--shopper-password correct-horse");
    // Killed again and again: among users, among articles, among orders.
    for stage in 0..5 {
        let process = Process::start(&start, mesh.folder());
        until("it is in the middle", || async {
            let shop = look(&staff).await;
            let there = match stage {
                0 => shop.users.len() >= 2,
                1 => shop.articles.len() >= 10,
                _ => shop.orders.len() >= 4 * (stage - 1),
            };
            (there || !process.runs()).then_some(())
        })
        .await;
        process.signal(Signal::KILL);
        process.ended();
    }
    seed(&mesh, "--shopper-password correct-horse");
    assert_eq!(look(&staff).await, expected);
}

/// Covers: mesh.seed.
async fn two_seeds_fit_into_one_shop(setup: Setup) {
    let (mesh, staff) = started(&setup).await;
    seed(&mesh, "--seed 1 --baskets 0");
    let one = look(&staff).await;
    seed(&mesh, "--seed 2 --baskets 0");
    let both = look(&staff).await;
    assert_eq!((both.articles.len(), both.users.len(), both.orders.len()), (60, 12, 32));
    assert!(one.articles.iter().all(|(code, article)| both.articles[code] == *article));
    let names = |shop: &Shop| shop.articles.values().map(|it| it.0.clone()).collect::<Vec<_>>();
    assert_ne!(names(&one), names(&both)[..30]);
}

/// Covers: mesh.seed.
async fn a_folder_can_be_seeded_before_it_is_served(_: Setup) {
    let place = tempfile::tempdir().unwrap();
    let common = |words: &str| {
        Start::of(words)
            .env("FEIRA_DATA_DIR", "data")
            .env("FEIRA_PASSWORD_MEMORY_KIB", "8")
            .env("FEIRA_PASSWORD_ITERATIONS", "1")
    };
    let seed = |password: &str| {
        common("seed --articles 20 --users 10 --orders 10")
            .env("FEIRA_ADMIN_PASSWORD", password)
            .run(place.path())
    };
    let first = common("seed --articles 20 --users 10 --orders 10").run(place.path());
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let admin =
        first.stderr.split("with the password \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    // Going on needs the password that was shown, and gives the shoppers the same one.
    let without = common("seed --articles 20 --users 10 --orders 10").run(place.path());
    assert_eq!(without.code, Some(2), "{}", without.stderr);
    assert!(without.stderr.contains("FEIRA_ADMIN_PASSWORD"), "{}", without.stderr);
    let wrong = seed("not the password");
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    let again = seed(admin);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(password(&again), password(&first));

    let served =
        Process::start(&common("serve --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0"), place.path());
    let (_, grpc) = served.ready();
    let ada = client_of(&grpc).sign_in_as("demo-42-1", &password(&first)).await.unwrap();
    let orders = ada.list_orders(ListOrdersRequest::default()).await.unwrap().body.orders;
    assert!(!orders.is_empty());
    // Somebody has the folder open: it can be seeded by URL only.
    let taken = seed(admin);
    assert_eq!(taken.code, Some(4), "{}", taken.stderr);
}

/// Covers: mesh.seed, bad-input, mesh.program.
async fn what_cannot_be_is_refused(_: Setup) {
    let folder = tempfile::tempdir().unwrap();
    let said = |words: &str, code: i32| {
        let ended = Start::of(words).run(folder.path());
        assert_eq!(ended.code, Some(code), "{words}: {}", ended.stderr);
        ended.stderr
    };
    assert!(said("seed --articles 0", 2).contains("need users and articles"));
    assert!(said("seed --users 0", 2).contains("need users and articles"));
    assert!(said("seed --users 5 --baskets 6", 2).contains("--baskets"));
    assert!(said("seed --articles 1000001", 2).contains("--articles"));
    assert!(said("seed --orders -1", 2).contains("unexpected argument"));
    assert!(said("seed --seed x", 2).contains("--seed"));
    assert!(said("seed --currency EURO", 2).contains("ISO 4217"));
    assert!(said("seed --at-once 0", 2).contains("from 1 to 256"));
    assert!(said("seed --shopper-password short", 2).contains("8 to 128"));
    assert!(said("seed --url localhost:50051", 2).contains("http://"));
    assert!(
        said("seed --user-url http://127.0.0.1:1", 2).contains("--article-url, --order-url, --payment-url")
    );
    let nobody = Start::of("seed --url http://127.0.0.1:1").env("FEIRA_ADMIN_PASSWORD", ADMIN_PASSWORD);
    let ended = nobody.run(folder.path());
    assert!(ended.code == Some(1) && ended.stderr.contains("nobody answers"), "{}", ended.stderr);
    assert!(files(folder.path()).is_empty(), "nothing was made: {:?}", files(folder.path()));
}

fn files(folder: &Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}
