//! What the databases of a mesh hold, whatever tables and columns they have.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement};

use super::person::MARK;
use crate::support::{Backend, Mesh, databases::ROLES};

/// A value: as text, or as its bytes, in small letters.
#[derive(Debug)]
pub struct Cell {
    /// `role.table.column`
    pub column: String,
    pub bytes: Vec<u8>,
}

/// Everything that all databases hold.
pub struct Held {
    /// Every column, whether it has a value or none.
    pub columns: BTreeSet<String>,
    pub cells: Vec<Cell>,
}

/// The file of a role's embedded database.
pub fn file(mesh: &Mesh, role: &str) -> PathBuf {
    mesh.folder().join("feira-0").join(format!("{role}.db"))
}

/// A role's database.
pub async fn connect(mesh: &Mesh, role: &str) -> DatabaseConnection {
    let url = match mesh.setup.backend {
        Backend::Sqlite => format!("sqlite:{}?mode=rw", file(mesh, role).display()),
        _ => mesh.database_url(role),
    };
    Database::connect(url).await.expect("the database can be opened")
}

/// Rows of texts.
async fn texts(db: &DatabaseConnection, query: &str, count: usize) -> Vec<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), query)).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
    let text = |row: &sea_orm::QueryResult, place| -> String { row.try_get_by_index(place).expect("a text") };
    rows.iter().map(|row| (0..count).map(|place| text(row, place)).collect()).collect()
}

/// The tables of a database with their columns, and each column's type.
async fn tables(db: &DatabaseConnection) -> BTreeMap<String, Vec<(String, String)>> {
    let query = match db.get_database_backend() {
        DatabaseBackend::Sqlite => {
            "SELECT t.name, c.name, c.type FROM sqlite_master t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        }
        DatabaseBackend::Postgres => {
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = 'public'"
        }
        _ => {
            "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(data_type AS CHAR) \
             FROM information_schema.columns WHERE table_schema = DATABASE()"
        }
    };
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in texts(db, query, 3).await {
        let [table, column, kind] = row.try_into().expect("three columns");
        tables.entry(table).or_default().push((column, kind));
    }
    tables
}

/// Reads all of all databases.
pub async fn all(mesh: &Mesh) -> Held {
    let mut held = Held { columns: BTreeSet::new(), cells: Vec::new() };
    for role in ROLES {
        let db = connect(mesh, role).await;
        let backend = db.get_database_backend();
        for (table, columns) in tables(&db).await {
            for (column, kind) in columns {
                let name = format!("{role}.{table}.{column}");
                held.columns.insert(name.clone());
                let value = match (backend, kind.as_str()) {
                    (DatabaseBackend::Sqlite, _) => format!("CAST(\"{column}\" AS BLOB)"),
                    (DatabaseBackend::Postgres, "bytea") => format!("\"{column}\""),
                    (DatabaseBackend::Postgres, _) => format!("convert_to(\"{column}\"::text, 'UTF8')"),
                    _ => format!("CAST(`{column}` AS BINARY)"),
                };
                let query = format!("SELECT {value} FROM {table}");
                let rows = db.query_all_raw(Statement::from_string(backend, &query)).await;
                let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
                let bytes = rows.iter().filter_map(|row| {
                    let value: Option<Vec<u8>> = row.try_get_by_index(0).expect("bytes");
                    value.map(|bytes| bytes.to_ascii_lowercase())
                });
                held.cells.extend(bytes.map(|bytes| Cell { column: name.clone(), bytes }));
            }
        }
        db.close().await.expect("it can be closed");
    }
    held
}

impl Held {
    /// The columns in which one of these byte strings stands.
    pub fn with<'a>(&self, wanted: impl IntoIterator<Item = &'a [u8]>) -> BTreeSet<&str> {
        let wanted: Vec<Vec<u8>> = wanted.into_iter().map(<[u8]>::to_ascii_lowercase).collect();
        let has = |cell: &&Cell| wanted.iter().any(|wanted| stands_in(&cell.bytes, wanted));
        self.cells.iter().filter(has).map(|cell| cell.column.as_str()).collect()
    }
}

/// Whether bytes stand in others.
pub fn stands_in(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// A user's id in every form in which it may be stored: as it is shown, as PostgreSQL shows it, and as bytes.
pub fn forms(id: &str) -> [Vec<u8>; 3] {
    let letters = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digits = id.bytes().skip(4).map(|letter| letters.iter().position(|other| *other == letter));
    let number = digits.fold(0u128, |number, digit| (number << 5) | digit.expect("a digit") as u128);
    let hex = format!("{number:032x}");
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    [id.into(), format!("{a}-{b}-{c}-{d}-{e}").into(), number.to_be_bytes().into()]
}

/// Lets everything that databases sweep by its age become so many days older.
pub async fn pass(mesh: &Mesh, days: i64) {
    for role in ROLES {
        let db = connect(mesh, role).await;
        for table in ["outbox", "idempotency"] {
            let statement =
                format!("UPDATE {table} SET create_time = create_time - {}", days * 86_400_000_000);
            db.execute_unprepared(&statement).await.expect("a time can be set");
        }
        db.close().await.expect("it can be closed");
    }
}

/// The words in a text that begin with the mark.
pub fn marked(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with(MARK)).map(str::to_owned).collect()
}

/// A column as the contract's JSON calls it.
pub fn camel(column: &str) -> String {
    let mut words = column.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}
