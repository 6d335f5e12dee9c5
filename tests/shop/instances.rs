//! What runs: every role's processes, where they are and where their databases are.

use std::collections::BTreeMap;

use contracts::mesh::{Instance, ListInstancesRequest, Task};

use crate::support::{Backend, Client, Code, Refused, Setup, process::Start, until};

on_both_edges!(every_role_is_listed_with_its_database, only_staff_see_what_runs, pages_of_instances_continue);
tests!(
    in_six_processes_all_are_listed_and_a_killed_one_is_not_healthy,
    without_the_mesh_only_its_own_functions_are_missing,
    the_operator_sees_what_runs,
);
each!(on_postgres: Setup::default().on(Backend::Postgres).replicas(2).env("FEIRA_HEARTBEAT_INTERVAL", "100ms");
    a_killed_replica_is_not_healthy_and_then_gone, how_background_tasks_fare_is_seen_of_every_replica);

const ROLES: [&str; 6] = ["user", "article", "payment", "order", "mesh", "gateway"];

async fn all(staff: &Client) -> Vec<Instance> {
    staff.list_instances(ListInstancesRequest::default()).await.unwrap().body.instances
}

fn roles(instances: &[Instance]) -> Vec<&str> {
    instances.iter().map(|instance| instance.role.as_str()).collect()
}

/// Covers: mesh.instances.
async fn every_role_is_listed_with_its_database(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let instances = all(&staff).await;
    assert_eq!(roles(&instances), ROLES);
    let grpc = mesh.grpc_url("feira-0");
    for instance in &instances {
        assert!(instance.healthy && !instance.version.is_empty() && instance.start_time.is_some());
        assert!(instance.last_seen_time.is_some() && !instance.id.is_empty(), "{instance:?}");
        let own = |task: &Task| task.name.starts_with(&format!("{}.", instance.role));
        assert!(instance.tasks.iter().all(own), "{instance:?}");
        if instance.role == "gateway" {
            assert!(instance.address.starts_with("127.0.0.1:") && !grpc.ends_with(&instance.address));
            assert_eq!((instance.database_kind.as_str(), instance.database_location.as_str()), ("", ""));
        } else {
            assert_eq!(format!("http://{}", instance.address), grpc);
            assert_eq!(instance.database_kind, "sqlite");
            let file = format!("{}.db", instance.role);
            assert!(instance.database_location.ends_with(&file), "{instance:?}");
            assert!(instance.schema_version.starts_with('m'), "{instance:?}");
        }
    }
}

/// Covers: mesh.instances.
async fn how_background_tasks_fare_is_seen_of_every_replica(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let sweeps = || async {
        let orders = all(&staff).await.into_iter().filter(|instance| instance.role == "order");
        let sweep = |instance: Instance| instance.tasks.into_iter().find(|task| task.name == "order.sweep");
        orders.filter_map(sweep).filter(|task| task.runs > 0).collect::<Vec<_>>()
    };
    let ran = until("both replicas' sweepers ran", || async {
        Some(sweeps().await).filter(|sweeps| sweeps.len() == 2)
    });
    for task in ran.await {
        assert!(task.last_run_time.is_some() && task.last_run_us > 0, "{task:?}");
        assert_eq!((task.failures, task.error.as_str()), (0, ""), "{task:?}");
    }
    // Without its table it fails and says so, and goes on once that is back.
    mesh.tell("order", "ALTER TABLE orders RENAME TO orders_away").await;
    until("both fail", || async { sweeps().await.iter().all(|task| !task.error.is_empty()).then_some(()) })
        .await;
    mesh.tell("order", "ALTER TABLE orders_away RENAME TO orders").await;
    until("both recover", || async {
        sweeps().await.iter().all(|task| task.error.is_empty() && task.failures > 0).then_some(())
    })
    .await;
}

/// Covers: access.
async fn only_staff_see_what_runs(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    ada.list_instances(ListInstancesRequest::default()).await.denied();
    let anonymous = mesh.client().list_instances(ListInstancesRequest::default()).await;
    anonymous.refused(Code::Unauthenticated, "UNAUTHENTICATED");
}

/// Covers: mesh.instances.
async fn pages_of_instances_continue(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let mut found = Vec::new();
    let mut request = ListInstancesRequest { page_size: 4, page_token: String::new() };
    loop {
        let page = staff.list_instances(request.clone()).await.unwrap().body;
        assert!(page.instances.len() <= 4);
        found.extend(page.instances);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(roles(&found), ROLES);
    request.page_size = -1;
    staff.list_instances(request.clone()).await.names("page_size");
    request = ListInstancesRequest { page_size: 0, page_token: "nonsense".to_owned() };
    staff.list_instances(request).await.names("page_token");
}

/// Covers: mesh.instances, mesh.split.
async fn in_six_processes_all_are_listed_and_a_killed_one_is_not_healthy(setup: Setup) {
    let mut mesh = setup.split().start().await;
    let staff = mesh.admin().await;
    let instances = until("the gateway has announced itself", || async {
        Some(all(&staff).await).filter(|instances| instances.len() == 6)
    })
    .await;
    assert_eq!(roles(&instances), ROLES);
    assert!(instances.iter().all(|instance| instance.healthy), "{instances:#?}");
    let addresses: BTreeMap<&str, ()> = instances.iter().map(|it| (it.address.as_str(), ())).collect();
    assert_eq!(addresses.len(), 6, "{instances:#?}");
    let order = &instances[3];

    mesh.kill("order");
    let instances = until("the order service is not healthy", || async {
        Some(all(&staff).await).filter(|instances| instances.iter().any(|instance| !instance.healthy))
    })
    .await;
    let ill: Vec<&Instance> = instances.iter().filter(|instance| !instance.healthy).collect();
    assert_eq!((ill.len(), ill[0].role.as_str()), (1, "order"), "{ill:#?}");
    assert_eq!(ill[0].address, order.address, "where it was, or where it is looked for");
    let ended = Start::of("status").arg("--url", &mesh.grpc_url("mesh"));
    let ended = mesh.as_operator(ended).run(mesh.folder());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.lines().any(|line| line.starts_with("order") && line.contains("NOT HEALTHY")));

    mesh.restart("order");
    until("all are healthy again", || async {
        let instances = all(&staff).await;
        (instances.len() == 6 && instances.iter().all(|instance| instance.healthy)).then_some(())
    })
    .await;
}

/// Covers: mesh.down.
async fn without_the_mesh_only_its_own_functions_are_missing(setup: Setup) {
    let mesh = setup.split().over(crate::support::Edge::Rest).start().await;
    let staff = mesh.admin().await;
    mesh.kill("mesh");
    let refusal = staff.list_instances(ListInstancesRequest::default()).await;
    let refusal = refusal.refused(Code::Unavailable, "UPSTREAM_UNAVAILABLE");
    assert!(refusal.info("service").contains("mesh"), "{refusal:?}");
    let article = staff.stocked(crate::support::eur(100), 10).await;
    let order = staff.order(&article.id, 1, "sim_approve").await.unwrap();
    staff.until(&order.id, contracts::order::OrderState::Paid).await;
}

/// Covers: mesh.instances, mesh.program.
async fn the_operator_sees_what_runs(setup: Setup) {
    let mesh = setup.start().await;
    let status = |words: &str| {
        mesh.as_operator(Start::of(words).arg("--url", &mesh.grpc_url("feira-0"))).run(mesh.folder())
    };
    // Until the roles have found each other, tasks that failed are told behind it.
    let ended = until("nothing fails any more", || async {
        let ended = status("status");
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        Some(ended).filter(|ended| ended.stdout.lines().count() == 7)
    })
    .await;
    let lines = ended.stdout.lines().collect::<Vec<_>>();
    for (line, role) in lines[1..].iter().zip(ROLES) {
        assert!(line.starts_with(role) && line.ends_with("healthy"), "{}", ended.stdout);
    }
    let ended = status("status --json");
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["instances"].as_array().unwrap().len(), 6);
    assert_eq!(json["instances"][0]["databaseKind"], "sqlite");

    let stranger = Start::of("status --url")
        .arg(&mesh.grpc_url("feira-0"), "--once")
        .env("FEIRA_MESH_SECRET", "the secret of quite another mesh");
    let ended = stranger.run(mesh.folder());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("mesh secret"), "{ended:?}");
    let nowhere = mesh.as_operator(Start::of("status --url http://127.0.0.1:1")).run(mesh.folder());
    assert_eq!(nowhere.code, Some(1), "{nowhere:?}");
}

/// Covers: mesh.instances.
async fn a_killed_replica_is_not_healthy_and_then_gone(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let both = until("both replicas know of each other", || async {
        Some(all(&staff).await).filter(|instances| instances.len() == 12)
    })
    .await;
    assert!(both.iter().all(|it| it.role == "gateway" || it.database_kind == "postgres"), "{both:#?}");
    assert!(both.iter().all(|it| !it.database_location.contains('@')), "{both:#?}");
    mesh.kill("feira-1");
    until("six are not healthy", || async {
        (all(&staff).await.iter().filter(|it| !it.healthy).count() == 6).then_some(())
    })
    .await;
    until("and then they are gone", || async { (all(&staff).await.len() == 6).then_some(()) }).await;
}
