//! One moment of several databases, and what keeps it from being copied.

use std::{
    fs::OpenOptions,
    io::{Seek, SeekFrom, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use tempfile::TempDir;

use super::{copy::JUMP, *};
use crate::Clock;

const ROLES: [Role; 2] = [Role::Order, Role::Payment];

/// Two databases with a schema, a counter and a feed.
fn databases() -> (TempDir, Vec<(Role, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let urls = ROLES.map(|role| {
        let path = folder.path().join(format!("{role}.db"));
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE seaql_migrations (version text);
             INSERT INTO seaql_migrations VALUES ('m000002_b'), ('m000001_a');
             CREATE TABLE counter (value int);
             INSERT INTO counter VALUES (0);
             CREATE TABLE feed_head (id int, position int);
             INSERT INTO feed_head VALUES (1, 0);
             CREATE TABLE outbox (id integer PRIMARY KEY, position int, aggregate_id, kind, data, create_time)",
        )
        .unwrap();
        (role, format!("sqlite:{}", path.display()))
    });
    (folder, urls.into())
}

fn writer(url: &str) -> Connection {
    let db = open(file(url).unwrap()).unwrap();
    db.busy_timeout(PATIENCE).unwrap();
    db
}

fn counter(path: &Path) -> i64 {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.query_row("SELECT value FROM counter", [], |row| row.get(0)).unwrap()
}

#[test]
fn copies_are_of_one_moment_whatever_is_written() {
    let (folder, urls) = databases();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Whatever is in the second was in the first before.
        scope.spawn(|| {
            let dbs: Vec<Connection> = urls.iter().map(|(_, url)| writer(url)).collect();
            while !stop.load(Ordering::Relaxed) {
                for db in &dbs {
                    db.execute("UPDATE counter SET value = value + 1", []).unwrap();
                }
            }
        });
        let mut seen = Vec::new();
        for round in 0..30 {
            let moment = Moment::of(&urls, Duration::from_secs(20)).unwrap();
            // Time for them to differ, if they could.
            (0..50).for_each(|_| pause());
            let counts = moment.snapshots.into_iter().map(|snapshot| {
                assert_eq!(snapshot.schema(), "m000002_b");
                let (path, bytes) =
                    (folder.path().join(format!("copy-{round}-{}", snapshot.role())), snapshot.bytes());
                snapshot.copy(&path, &|| true).unwrap();
                assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
                counter(&path)
            });
            let counts: Vec<i64> = counts.collect();
            assert!((0..=1).contains(&(counts[0] - counts[1])), "{counts:?}");
            seen.push(counts[0]);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(seen.first() < seen.last(), "it was written to all the time: {seen:?}");
    });
    let beside = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let beside: Vec<_> = beside.filter(|name| name.to_string_lossy().matches('-').count() > 2).collect();
    assert!(beside.is_empty(), "a copy is one file: {beside:?}");
}

#[test]
fn whoever_writes_for_long_is_waited_for_and_no_longer_than_that() {
    let (_folder, urls) = databases();
    let busy = writer(&urls[1].1);
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let refused = Moment::of(&urls, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(refused, SnapshotError::Busy { role: Role::Payment, .. }), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    // The others go on at once.
    let other = writer(&urls[0].1);
    other.busy_timeout(Duration::ZERO).unwrap();
    other.execute("UPDATE counter SET value = 1", []).unwrap();
    busy.execute_batch("ROLLBACK").unwrap();
    Moment::of(&urls, Duration::from_millis(100)).unwrap();
}

#[test]
fn what_is_written_while_it_is_copied_is_not_in_it() {
    let (folder, urls) = databases();
    let moment = Moment::of(&urls, Duration::from_secs(1)).unwrap();
    for (_, url) in &urls {
        let db = writer(url);
        db.execute("UPDATE counter SET value = 7", []).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    }
    for snapshot in moment.snapshots {
        let path = folder.path().join(format!("copy-{}", snapshot.role()));
        snapshot.copy(&path, &|| true).unwrap();
        assert_eq!(counter(&path), 0);
    }
}

#[test]
fn a_damaged_database_gives_no_copy() {
    let (folder, urls) = databases();
    let path = file(&urls[0].1).unwrap();
    let db = writer(&urls[0].1);
    db.execute_batch(
        "CREATE TABLE many (a text); CREATE INDEX of_many ON many (a);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO many SELECT 'a text of some length ' || i FROM n; PRAGMA wal_checkpoint(TRUNCATE)",
    )
    .unwrap();
    drop(db);
    let mut raw = OpenOptions::new().write(true).open(path).unwrap();
    raw.seek(SeekFrom::Start(40 * 4_096)).unwrap();
    raw.write_all(&[0xa5; 4_096]).unwrap();
    let moment = Moment::of(&urls[..1], Duration::from_secs(1)).unwrap();
    let snapshot = moment.snapshots.into_iter().next().unwrap();
    let refused = snapshot.copy(&folder.path().join("copy"), &|| true).unwrap_err();
    assert!(matches!(refused, SnapshotError::Copy { .. }), "{refused}");
}

#[test]
fn a_copy_that_is_broken_off_says_so() {
    let (folder, urls) = databases();
    let moment = Moment::of(&urls, Duration::from_secs(1)).unwrap();
    let snapshot = moment.snapshots.into_iter().next().unwrap();
    let stopped = snapshot.copy(&folder.path().join("copy"), &|| false).unwrap_err();
    assert!(matches!(stopped, SnapshotError::Stopped));
}

#[test]
fn an_empty_database_counts_as_none() {
    let (folder, urls) = databases();
    assert!(has_schema(file(&urls[0].1).unwrap()));
    let (missing, empty) = (folder.path().join("missing.db"), folder.path().join("empty.db"));
    std::fs::write(&empty, "").unwrap();
    assert!(!has_schema(&missing) && !has_schema(&empty));
    assert!(!missing.exists(), "to look makes nothing");
    let url = format!("sqlite:{}", empty.display());
    let refused = Moment::of(&[(Role::User, url)], Duration::from_secs(1)).unwrap_err();
    assert!(refused.to_string().contains("never started"), "{refused}");
}

#[test]
fn a_restored_feed_goes_on_behind_all_that_was_seen() {
    let (_folder, urls) = databases();
    let (role, url) = &urls[0];
    let newest = || -> (i64, String) {
        let query = "SELECT position, kind FROM outbox ORDER BY position DESC LIMIT 1";
        writer(url).query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    for expected in [JUMP, 2 * JUMP] {
        renumber_feed(*role, file(url).unwrap(), &Clock::system()).unwrap();
        assert_eq!(newest(), (expected, "google.protobuf.Empty".to_owned()));
        writer(url).execute("INSERT INTO outbox (position) VALUES (?)", [expected + 5]).unwrap();
    }
    assert_eq!(
        writer(url).query_row("SELECT position FROM feed_head", [], |row| row.get::<_, i64>(0)).unwrap(),
        2 * JUMP
    );
    // The mesh's database has a log as well.
    let log = writer(url);
    log.execute_batch("CREATE TABLE event_head (id int, position int); INSERT INTO event_head VALUES (1, 7)")
        .unwrap();
    renumber_feed(*role, file(url).unwrap(), &Clock::system()).unwrap();
    let head = log.query_row("SELECT position FROM event_head", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(head, 7 + LOG_JUMP);
}
