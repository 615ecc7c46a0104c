//! Indexes through the client, on an in-memory database.

use antipode::{Database, Options};
use antipode_client::{Client, CollectionOptions, DocumentOptions, Error, Retry, Written};
use antipode_server::{Config, Server};
use serde_json::{Value, json};

/// A node that serves until the test ends, with a collection of people.
async fn people() -> Client {
    let database = Database::in_memory(Options::default()).unwrap();
    let server = Server::bind(Config::loopback(), database).await.unwrap();
    let address = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    let client = Client::connect([address]).await.unwrap();
    let options = CollectionOptions::default();
    assert!(client.create_collection("people", options).await.unwrap());
    let query = "FOR n IN 1..1000
        INSERT { _key: TO_STRING(n), n, tags: ['t', CONCAT('t', n % 10)] } INTO people";
    client.query(query).run().await.unwrap();
    client
}

fn refused(error: &Error) -> (u32, String) {
    match error {
        Error::Database {
            code,
            name,
            retry,
            written,
            ..
        } => {
            assert_eq!((*retry, *written), (Retry::Never, Written::Nothing));
            (*code, name.clone())
        }
        other => panic!("{other:?}"),
    }
}

async fn index_names(client: &Client) -> Vec<String> {
    let listed = client.list_indexes("people").await.unwrap();
    listed.into_iter().map(|index| index.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_listed_used_checked_and_dropped() {
    let client = people().await;
    let before = index_names(&client).await;
    let definition =
        json!({ "type": "persistent", "fields": ["n"], "unique": true, "name": "by_n" });
    let (index, is_new) = client.create_index("people", &definition).await.unwrap();
    assert!(is_new && index.ready);
    assert_eq!(index.name, "by_n");
    assert!(index.id.starts_with("people/"), "{}", index.id);
    assert_eq!((index.documents_total, index.duplicates), (1000, 0));
    let shown: Value = serde_json::from_str(&index.definition).unwrap();
    assert_eq!(
        (&shown["fields"], &shown["unique"]),
        (&json!(["n"]), &json!(true))
    );

    // An equal one is that one.
    let (again, is_new) = client.create_index("people", &definition).await.unwrap();
    assert!(!is_new);
    assert_eq!(again.id, index.id);
    let tags = json!({ "type": "persistent", "fields": ["tags[*]"] });
    let (tags, is_new) = client.create_index("people", &tags).await.unwrap();
    assert!(is_new && tags.ready);
    let wanted = [before.clone(), vec!["by_n".to_owned(), tags.name.clone()]].concat();
    assert_eq!(index_names(&client).await, wanted);

    let mut rows = client
        .query("FOR p IN people FILTER p.n == 77 RETURN p._key")
        .rows()
        .await
        .unwrap();
    let row = rows.next().await.unwrap().unwrap();
    assert_eq!(row.decode::<String>().unwrap(), "77");
    assert!(rows.next().await.unwrap().is_none());
    let extra = rows.extra().unwrap();
    assert_eq!((extra.scanned_full, extra.scanned_index), (0, 1));

    let taken = client
        .insert("people", &json!({ "n": 77 }), DocumentOptions::default())
        .await
        .unwrap_err();
    assert_eq!(refused(&taken).0, 1210);

    for collection in [None, Some("people")] {
        let check = client.check_indexes(collection).await.unwrap();
        assert_eq!((check.faults_total, check.faults.len()), (0, 0));
        assert!(check.indexes >= 2 && check.documents >= 2000, "{check:?}");
        assert!(check.entries >= 3000, "{check:?}");
    }

    // By its id, and by its name.
    assert!(client.drop_index("people", &index.id).await.unwrap());
    assert!(!client.drop_index("people", &index.id).await.unwrap());
    assert!(client.drop_index("people", &tags.name).await.unwrap());
    assert!(!client.drop_index("people", &tags.name).await.unwrap());
    assert_eq!(index_names(&client).await, before);
    client
        .insert("people", &json!({ "n": 77 }), DocumentOptions::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_cannot_be_is_refused() {
    let client = people().await;
    let before = index_names(&client).await;
    let named = json!({ "fields": ["n"], "name": "taken", "type": "persistent" });
    client.create_index("people", &named).await.unwrap();
    let unique = json!({ "type": "persistent", "fields": ["tags[0]"], "unique": true });
    let cases = [
        ("people", json!("by n"), 10),
        ("people", json!({}), 10),
        ("people", json!({ "type": "magic", "fields": ["n"] }), 10),
        ("people", json!({ "type": "persistent", "fields": [] }), 10),
        ("people", json!({ "type": "ttl", "fields": ["n"] }), 10),
        (
            "people",
            json!({ "type": "fulltext", "fields": ["n"], "unique": true }),
            10,
        ),
        (
            "people",
            json!({ "type": "persistent", "fields": ["a"], "name": "taken" }),
            1207,
        ),
        (
            "nobody",
            json!({ "type": "persistent", "fields": ["n"] }),
            1203,
        ),
    ];
    for (collection, definition, wanted) in cases {
        let error = client.create_index(collection, &definition).await;
        assert_eq!(refused(&error.unwrap_err()).0, wanted, "{definition}");
    }
    let path = client.create_index("people", &unique).await.unwrap_err();
    assert_eq!(refused(&path).0, 1220);

    // Values that are there twice: nothing stays behind.
    client
        .query("FOR n IN [1, 1] INSERT { same: n } INTO people")
        .run()
        .await
        .unwrap();
    let same = json!({ "type": "persistent", "fields": ["same"], "unique": true, "sparse": true });
    let twice = client.create_index("people", &same).await.unwrap_err();
    assert_eq!(refused(&twice).0, 1210);
    let wanted = [before, vec!["taken".to_owned()]].concat();
    assert_eq!(index_names(&client).await, wanted);

    assert_eq!(
        refused(&client.list_indexes("nobody").await.unwrap_err()).0,
        1203
    );
    let nobody = client.check_indexes(Some("nobody")).await.unwrap_err();
    assert_eq!(refused(&nobody).0, 1203);
    let primary = client.drop_index("people", "primary").await.unwrap_err();
    assert_eq!(refused(&primary).0, 11);
}
