//! Tests of tables, in and out.

mod numbers;

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use futures::stream;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::json;

use super::*;
use crate::{draft::Draft, json::Tables};

static TABLES: LazyLock<Arc<Tables>> = LazyLock::new(|| Arc::new(Tables::new(contracts::pool(), |_| false)));

fn decoded(desc: &MessageDescriptor, message: Draft) -> DynamicMessage {
    DynamicMessage::decode(desc.clone(), message.finish().as_slice()).unwrap()
}

fn desc(name: &str) -> MessageDescriptor {
    contracts::pool().get_message_by_name(name).unwrap()
}

fn article() -> MessageDescriptor {
    desc("feira.article.v1.Article")
}

fn json_of(message: &DynamicMessage) -> serde_json::Value {
    serde_json::from_slice(&crate::json::encode(message).unwrap()).unwrap()
}

fn bare() -> Style {
    Style { mark: false, ..Style::default() }
}

/// The messages of a table that comes in pieces of so many bytes, or what is wrong with a row; else what is
/// wrong with all of it.
async fn read(table: &str, piece: usize) -> Result<Vec<Result<serde_json::Value, String>>, String> {
    let pieces: Vec<_> =
        table.as_bytes().chunks(piece).map(|it| Ok::<_, std::io::Error>(it.to_vec())).collect();
    let body = Body::from_stream(stream::iter(pieces));
    let problem = |failure: crate::error::Failure| failure.bad_field();
    let problem = |failure| match problem(failure) {
        (field, problem) if field.is_empty() => problem,
        (field, problem) => format!("{field}: {problem}"),
    };
    let mut reader = Reader::open(body, (&article(), &TABLES), None).await.map_err(problem)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next().await.map_err(problem)? {
        let mut message = Draft::default();
        let done = reader.read(&row, &mut message);
        let message = decoded(&article(), message);
        let options = prost_reflect::SerializeOptions::new();
        rows.push(
            done.map_err(problem)
                .map(|()| message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()),
        );
    }
    Ok(rows)
}

#[tokio::test]
async fn rows_are_messages_however_they_come() {
    let expected = json!({"code": "A", "name": "Chá, \"verde\"", "active": true,
        "price": {"currencyCode": "EUR", "units": "12", "nanos": 990_000_000}, "createTime": "2026-01-02T03:04:05Z"});
    let comma = "code,name,active,price.amount,price.currencyCode,create_time\n\
                 A,\"Chá, \"\"verde\"\"\",true,12.99,EUR,2026-01-02T03:04:05Z\n";
    let semicolon = "\u{feff} code;name;active;price.amount;price.currency_code;createTime\r\n\r\n\
                     A;\"Chá, \"\"verde\"\"\";TRUE;12,99;EUR;2026-01-02T03:04:05Z\r\n;;;;;\r\n";
    let tab = "code\tname\tactive\tprice.units\tprice.nanos\tprice.currencyCode\tcreateTime\n\
               A\t\"Chá, \"\"verde\"\"\"\ttrue\t12\t990000000\tEUR\t2026-01-02T03:04:05Z";
    for table in [comma, semicolon, tab] {
        for piece in [1, 7, 1_000] {
            assert_eq!(read(table, piece).await, Ok(vec![Ok(expected.clone())]), "{table}");
        }
    }
    assert_eq!(read("", 9).await, Ok(vec![]));
    assert_eq!(read("code,name\n", 9).await, Ok(vec![]));
}

#[tokio::test]
async fn a_bad_row_is_a_row_of_its_own() {
    let table = "code,price.amount,active\na,1.2.3,\nb,1,perhaps\nc,1\nd,,\ne,1,true,x\n\"f\n";
    let rows = read(table, 100).await.unwrap();
    let problem: Vec<_> = rows.iter().map(|row| row.as_ref().err().map_or("", String::as_str)).collect();
    assert!(
        problem[0].starts_with("price.amount: `1.2.3` has what could be a thousands separator"),
        "{problem:?}"
    );
    assert!(problem[1].starts_with("active: "), "{problem:?}");
    assert_eq!(problem[2], "has 2 cells where the header has 3");
    assert_eq!((problem[3], &rows[3]), ("", &Ok(json!({"code": "d"}))), "an empty cell says nothing");
    assert_eq!(problem[4], "has 4 cells where the header has 3");
    for (header, problem) in [
        ("code,nam", "nam: unknown column"),
        ("code,code", "code: given more than once"),
        ("low_stock_threshold,lowStockThreshold", "lowStockThreshold: given more than once"),
        ("price", "price: is no column; its fields can be"),
        ("price.units.x", "price.units.x: unknown column"),
        ("price.", "price.: unknown column"),
        ("Code,CODE", "CODE: given more than once"),
        ("code,,name", "a column of the first row has no name"),
    ] {
        assert_eq!(read(&format!("{header}\n"), 100).await, Err(problem.to_owned()));
    }
}

#[tokio::test]
async fn a_table_is_taken_as_spreadsheets_write_it() {
    let expected = json!({"code": "A", "taxRateBasisPoints": 2300, "name": "x"});
    for table in [
        "sep=;\r\ncode;name;taxRateBasisPoints\r\nA;x;2300\r\n",
        "\u{feff}SEP=|\nCODE|Name|TAX_RATE_BASIS_POINTS\nA|x|2300\n",
        "\"sep=\t\"\ncode\tname\ttaxratebasispoints\nA\tx\t2300\n",
        "sep=^\ncode^name^taxRateBasisPoints\nA^x^2300\n",
        "code|name|taxRateBasisPoints\nA|x|2300",
        // As a spreadsheet pads it, in its own way or another.
        "sep=;;;\r\ncode;name;taxRateBasisPoints\r\nA;x;2300\r\n",
        "\"sep=;\",,\ncode,name,taxRateBasisPoints\nA,x,2300\n",
        // Lines that end in CR alone, and blank ones before the first.
        "sep=;\rcode;name;taxRateBasisPoints\rA;x;2300\r",
        "code;name;taxRateBasisPoints\rA;x;2300",
        "\r\n\ncode;name;taxRateBasisPoints\nA;x;2300\n",
        "code,name,taxRateBasisPoints,,\nA,x,2300,,\n",
        "code;name;taxRateBasisPoints;\u{a0};\nA;x;2300\n",
    ] {
        for piece in [1, 1_000] {
            assert_eq!(read(table, piece).await, Ok(vec![Ok(expected.clone())]), "{table}");
        }
    }
    let beyond = read("code,\nA,x\n", 9).await.unwrap();
    assert_eq!(beyond, [Err("has 2 cells where the header has 1".to_owned())]);
    for line in ["sep=ab", "sep=", "sep=;,|", "\"sep=;", "sep=;x"] {
        assert!(read(&format!("{line}\ncode\n"), 9).await.unwrap_err().contains("one character"), "{line}");
    }
}

/// The first row of a table of an import, or what is wrong with it.
async fn imported(table: &str) -> Result<serde_json::Value, String> {
    let row = desc("feira.article.v1.ImportArticlesRequest");
    let problem = |failure: crate::error::Failure| {
        let (field, problem) = failure.bad_field();
        format!("{field}: {problem}")
    };
    let mut reader =
        Reader::open(Body::from(table.to_owned()), (&row, &TABLES), None).await.map_err(problem)?;
    let cells = reader.next().await.map_err(problem)?.unwrap();
    let mut message = Draft::default();
    reader.read(&cells, &mut message).map_err(problem)?;
    Ok(decoded(&row, message)
        .serialize_with_options(serde_json::value::Serializer, &prost_reflect::SerializeOptions::new())
        .unwrap())
}

#[tokio::test]
async fn a_currency_alone_is_no_amount_of_zero() {
    let bare = json!({"code": "A", "priceCurrencyCode": "EUR"});
    for table in [
        "code,price.amount,price.currencyCode\nA,,EUR\n",
        "code,price.currencyCode\nA,EUR\n",
        "code,price.currencyCode,price.amount\nA,EUR, \n",
        "code,price.units,price.nanos,price.currencyCode\nA,,,EUR\n",
        "code,price.currency_code,PRICE.UNITS\nA,EUR,\n",
    ] {
        assert_eq!(imported(table).await.as_ref(), Ok(&bare), "{table}");
        // A message without a place for it takes none.
        let problem = read(table, 100).await.unwrap().remove(0).unwrap_err();
        assert_eq!(problem, "price.amount: is needed where a currency is given", "{table}");
    }
    let free = "code,price.amount,price.currencyCode\nA,0,EUR\n";
    let zero = json!({"code": "A", "price": {"currencyCode": "EUR"}});
    assert_eq!(imported(free).await.unwrap(), zero, "a zero that is written is one");
    let nothing = imported("code,price.amount,price.currencyCode\nA,,\n").await.unwrap();
    assert_eq!(nothing, json!({"code": "A"}));
    let part = imported("code,price.units,price.nanos,price.currencyCode\nA,,990000000,EUR\n").await;
    assert_eq!(part.unwrap_err(), "price.units: is needed where nanos is given");
    for header in ["price.amount,price.units", "price.nanos,price.currencyCode,price.amount"] {
        let problem = imported(&format!("{header}\n1,1,1\n")).await.unwrap_err();
        assert!(problem.contains("given more than once"), "{header}: {problem}");
    }
}

#[tokio::test]
async fn what_is_written_is_read_as_it_was() {
    let writer = Writer::new(&article(), bare());
    let header = String::from_utf8(writer.header()).unwrap();
    assert_eq!(
        header,
        "id,code,name,description,category,price.amount,price.currencyCode,taxRateBasisPoints,imageUrl,active,\
         available,lowStockThreshold,etag,createTime,updateTime\r\n"
    );
    for name in [
        "plain",
        "a,b;c\td",
        "\"quoted\"",
        " spaces ",
        "  ",
        "=1+1",
        "'=1",
        "''@x",
        "-",
        "'",
        "Ünï",
        "＝1",
        " \t@x",
        "x;=1|+2",
        "one\n- two\n\n\"three\"",
    ] {
        let sent = json!({"code": "A", "name": name, "available": "-5", "active": true,
            "price": {"currencyCode": "EUR", "units": "-1", "nanos": -500_000_000}});
        let message = DynamicMessage::deserialize(article(), sent.clone()).unwrap();
        let table = [writer.header(), writer.row(&json_of(&message))].concat();
        let rows = read(std::str::from_utf8(&table).unwrap(), 11).await.unwrap();
        let mut back = rows[0].clone().unwrap();
        // What has no presence is written, and so read, as what it is by default.
        back.as_object_mut().unwrap().retain(|key, _| sent.get(key).is_some());
        assert_eq!(back, sent);
    }
    for delimiter in [b',', b';', b'\t', b'|'] {
        let sent = json!({"code": "a;b", "name": "x,=1;\"y\"|\t-1", "taxRateBasisPoints": 7});
        let message = DynamicMessage::deserialize(article(), sent).unwrap();
        let writer = Writer::new(&article(), Style { delimiter, ..Style::default() });
        let table = String::from_utf8([writer.header(), writer.row(&json_of(&message))].concat()).unwrap();
        assert!(table.starts_with('\u{feff}'));
        let rows = read(&table, 11).await.unwrap();
        assert_eq!(rows[0].as_ref().unwrap()["name"], "x,=1;\"y\"|\t-1", "{table}");
    }
    let headless = Writer::new(&article(), Style { header: false, mark: false, ..Style::default() });
    assert_eq!(headless.header(), b"");
    let formula = DynamicMessage::deserialize(article(), json!({"name": "=HYPERLINK(1)"})).unwrap();
    assert!(String::from_utf8(writer.row(&json_of(&formula))).unwrap().contains(",'=HYPERLINK(1),"));
}

#[test]
fn what_is_repeated_is_one_cell_of_json() {
    let order = desc("feira.order.v1.Order");
    let writer = Writer::new(&order, bare());
    let header = String::from_utf8(writer.header()).unwrap();
    assert!(header.contains(",state,lines,adjustments,subtotal.amount,subtotal.currencyCode,"), "{header}");
    assert!(header.contains("address.recipient,address.lines,"), "{header}");
    let column = column::Column::named(&order, "address.lines").unwrap();
    let mut message = Draft::default();
    column.read(&TABLES, "[\"a\", \"b\"]", &mut message).unwrap();
    assert_eq!(column.write(&json_of(&decoded(&order, message.clone()))), "[\"a\",\"b\"]");
    assert!(column.read(&TABLES, "a", &mut message).is_err());
}

#[test]
fn messages_that_hold_each_other_have_columns_up_to_a_bound() {
    let field = |number: i32, name: String, message: bool| prost_types::FieldDescriptorProto {
        name: Some(name),
        number: Some(number),
        label: Some(1),
        r#type: Some(if message { 11 } else { 9 }),
        type_name: message.then(|| ".M".to_owned()),
        ..Default::default()
    };
    let fields = (2..60).map(|number| field(number, format!("f{number}"), true));
    let message = prost_types::DescriptorProto {
        name: Some("M".to_owned()),
        field: [field(1, "id".to_owned(), false)].into_iter().chain(fields).collect(),
        ..Default::default()
    };
    let file = prost_types::FileDescriptorProto {
        name: Some("a.proto".to_owned()),
        message_type: vec![message],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    let mut pool = prost_reflect::DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    let columns = column::Column::all(&pool.get_message_by_name("M").unwrap());
    assert!((1_000..2_000).contains(&columns.len()), "{}", columns.len());
    assert!(columns.iter().any(|column| column.name() == "f59"), "each field is there");
}
