//! Requests that no client of ours would send, and ones that are too large.

use antipode::{Database, Options};
use antipode_client::{Client, CollectionOptions, DocumentOptions, Error};
use antipode_proto::v1;
use antipode_proto::v1::catalog_client::CatalogClient;
use antipode_proto::v1::query_client::QueryClient;
use antipode_server::{Config, Server};
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

async fn start() -> String {
    let database = Database::in_memory(Options::default()).unwrap();
    let server = Server::bind(Config::loopback(), database).await.unwrap();
    let address = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    address
}

fn number(status: &Status) -> Option<u32> {
    antipode_proto::error::from_status(status).map(|error| error.code)
}

async fn channel(address: &str) -> Channel {
    Channel::from_shared(address.to_owned())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_above_the_limit_is_refused() {
    let address = start().await;
    let mut service = QueryClient::new(channel(&address).await);
    let query = " ".repeat(33 * 1024 * 1024);
    let request = v1::ExecuteRequest {
        query,
        ..v1::ExecuteRequest::default()
    };
    let status = service.execute(request).await.unwrap_err();
    assert_eq!(number(&status), Some(32), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_ten_megabytes_is_refused() {
    let address = start().await;
    let client = Client::connect([address]).await.unwrap();
    let text = format!("RETURN [{}1]", "1, ".repeat(3_500_000));
    let error = client.query(text).run().await.unwrap_err();
    assert!(error.code().is_some(), "{error:?}");
    let answer: Vec<i64> = client.query("RETURN 1").all().await.unwrap();
    assert_eq!(answer, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_too_large_or_too_deep_are_refused() {
    let address = start().await;
    let client = Client::connect([address]).await.unwrap();
    client
        .create_collection("users", CollectionOptions::default())
        .await
        .unwrap();
    let large = json!({ "_key": "large", "text": "x".repeat(17 * 1024 * 1024) });
    let error = client
        .insert("users", &large, DocumentOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(1216), "{error:?}");
    let mut deep = json!(1);
    for _ in 0..250 {
        deep = json!({ "d": deep });
    }
    let error = client
        .insert("users", &deep, DocumentOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error.code(), Some(37 | 1524)), "{error:?}");
    assert_eq!(client.list_collections().await.unwrap()[0].count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf8_is_refused() {
    let address = start().await;
    let mut grpc = tonic::client::Grpc::new(channel(&address).await);
    grpc.ready().await.unwrap();
    // A protobuf string field 10 with a byte that no UTF-8 text has.
    let bytes = bytes::Bytes::from_static(&[0x52, 0x02, 0xff, 0x61]);
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/antipode.v1.Query/Explain");
    let status = grpc
        .unary(Request::new(bytes), path, RawCodec)
        .await
        .unwrap_err();
    assert_eq!(number(&status), Some(10), "{status:?}");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_json_and_unknown_choices_are_refused() {
    let address = start().await;
    let mut service = QueryClient::new(channel(&address).await);
    let request = v1::ExecuteRequest {
        query: "RETURN @x".to_owned(),
        bind: "{ x: 1".to_owned(),
        ..v1::ExecuteRequest::default()
    };
    assert_eq!(
        number(&service.execute(request).await.unwrap_err()),
        Some(37)
    );
    let request = v1::ExecuteRequest {
        query: "RETURN 1".to_owned(),
        consistency: 77,
        ..v1::ExecuteRequest::default()
    };
    assert_eq!(
        number(&service.execute(request).await.unwrap_err()),
        Some(10)
    );
    let mut catalog = CatalogClient::new(channel(&address).await);
    let request = v1::CreateCollectionRequest {
        name: "users".to_owned(),
        kind: 77,
        ..v1::CreateCollectionRequest::default()
    };
    assert_eq!(
        number(&catalog.create_collection(request).await.unwrap_err()),
        Some(10)
    );
    let mut grpc = tonic::client::Grpc::new(channel(&address).await);
    grpc.ready().await.unwrap();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/antipode.v1.Query/Guess");
    let status = grpc
        .unary(Request::new(bytes::Bytes::new()), path, RawCodec)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), number(&status)),
        (Code::Unimplemented, Some(9))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_nodes_are_where_they_are_said_to_be() {
    let error = Client::connect(["http://127.0.0.1:1"]).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let error = Client::connect(["not an address"]).await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
}

/// Sends bytes as they are.
#[derive(Default)]
struct RawCodec;

impl tonic::codec::Codec for RawCodec {
    type Encode = bytes::Bytes;
    type Decode = bytes::Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for RawCodec {
    type Item = bytes::Bytes;
    type Error = Status;

    fn encode(
        &mut self,
        item: bytes::Bytes,
        out: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for RawCodec {
    type Item = bytes::Bytes;
    type Error = Status;

    fn decode(
        &mut self,
        input: &mut tonic::codec::DecodeBuf<'_>,
    ) -> Result<Option<bytes::Bytes>, Status> {
        let length = bytes::Buf::remaining(input);
        Ok(Some(bytes::Buf::copy_to_bytes(input, length)))
    }
}
