//! Connections: slow senders, many of them, and the end of the server.

use crate::house::{House, KEY, Receiver, json};
use axum::http::StatusCode;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Everything the server says on a connection until it closes it.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await;
    read.expect("the server did not close the connection").unwrap();
    text
}

/// A request whose body is still to come.
async fn begin(address: SocketAddr, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/storefront/v1/customers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let house = House::with(|_, settings| settings.limits.header_time = Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost:").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    house.ended().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let house = House::with(|_, settings| settings.limits.body_time = Duration::from_millis(200)).await;
    let mut stream = begin(house.address, 100).await;
    stream.write_all(b"{").await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408") && text.contains(r#""code":"request_timeout""#), "{text}");
    house.ended().await;
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let house = House::new().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST /api/storefront/v1/customers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 413") && text.contains(r#""code":"body_too_large""#), "{text}");
    house.ended().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_their_turn() {
    let house = House::with(|_, settings| settings.limits.connections = 1).await;
    let mut first = begin(house.address, 35).await;
    let mut second = TcpStream::connect(house.address).await.unwrap();
    second.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut byte)).await;
    assert!(early.is_err(), "the second connection was served beside the first");
    first.write_all(br#"{"id": "ana", "is_anonymous": true}"#).await.unwrap();
    let mut status = [0; 12];
    first.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
    house.ended().await;
}

#[tokio::test]
async fn what_is_under_way_is_finished_when_the_server_ends() {
    let mut house = House::new().await;
    let address = house.address;
    let mut stream = begin(address, 35).await;
    house.ask_to_end();
    let ended = tokio::spawn(house.ended());
    // No new connections from then on.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(br#"{"id": "ana", "is_anonymous": true}"#).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    ended.await.unwrap();
}

#[tokio::test]
async fn a_server_with_workers_delivers_by_itself() {
    let mut receiver = Receiver::new(StatusCode::OK).await;
    let settings = House::new().await.deliveries();
    let house = House::with(|_, server| server.deliveries = Some(settings)).await;
    let webhook = format!(r#"{{"url": "{}", "events": ["CUSTOMER_REGISTRATION"]}}"#, receiver.url);
    house.post("/webhooks", &webhook).await.expect(201);
    house.post("/customers", r#"{"id": "ana", "is_anonymous": true}"#).await.expect(201);
    let (_, body) = receiver.next().await;
    assert_eq!(json(std::str::from_utf8(&body).unwrap()).text("event"), Some("CUSTOMER_REGISTRATION"));
    house.ended().await;
}
