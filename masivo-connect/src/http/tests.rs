use std::convert::Infallible;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

/// Answers by path, on a free port of this machine.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let agent = format!("{:?}", request.headers().get(USER_AGENT));
    let content = request.into_body().collect().await.unwrap().to_bytes();
    let body = match path.as_str() {
        "/long" => Bytes::from("é".repeat(5_000_000)),
        "/agent" => Bytes::from(agent),
        "/slow" => std::future::pending().await,
        _ => content,
    };
    let mut response = hyper::Response::new(Full::new(body));
    let (status, after) = match path.as_str() {
        "/moved" => (302, None),
        "/busy" => (429, Some("17")),
        "/busy-until" => (503, Some("Tue, 15 Nov 1994 08:13:31 GMT")),
        "/garbled" => (503, Some("soon")),
        _ => (200, None),
    };
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert("location", HeaderValue::from_static("/other"));
    if let Some(after) = after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(after));
        response.headers_mut().insert(DATE, HeaderValue::from_static("Tue, 15 Nov 1994 08:12:31 GMT"));
    }
    Ok(response)
}

async fn post(uri: String, timeout: Duration, allow_private: bool) -> Result<Response, PostError> {
    let client = Client::new(allow_private).unwrap();
    client.post(uri.parse().unwrap(), HeaderMap::new(), Bytes::from_static(b"hello"), timeout).await
}

/// Accepts one connection, reads a little, writes `reply` and hangs up (or stays silent).
async fn rude_server(reply: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1_024];
        let _ = stream.read(&mut buffer).await;
        if let Some(reply) = reply {
            let _ = stream.write_all(reply).await;
        } else {
            std::future::pending::<()>().await;
        }
    });
    address
}

#[tokio::test]
async fn answer_is_returned() {
    let address = server().await;
    let expected = Response { status: 200, retry_after_seconds: None, body_start: "hello".to_owned() };
    assert_eq!(post(format!("http://{address}/echo"), PATIENCE, true).await, Ok(expected));
    let agent = post(format!("http://{address}/agent"), PATIENCE, true).await.unwrap();
    assert!(agent.body_start.contains("masivo/"), "{agent:?}");
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let address = server().await;
    let response = post(format!("http://{address}/moved"), PATIENCE, true).await.unwrap();
    assert_eq!(response.status, 302);
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    let address = server().await;
    for (path, expected) in [("busy", Some(17)), ("busy-until", Some(60)), ("garbled", None)] {
        let response = post(format!("http://{address}/{path}"), PATIENCE, true).await.unwrap();
        assert_eq!(response.retry_after_seconds, expected, "{path}");
    }
}

#[tokio::test]
async fn long_answer_is_cut() {
    let address = server().await;
    let response = post(format!("http://{address}/long"), PATIENCE, true).await.unwrap();
    assert_eq!(response.body_start, "é".repeat(1_024));
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let address = server().await;
    let port = address.port();
    for host in ["127.0.0.1", "localhost", "127.1", "0x7f.1", "[::1]", "169.254.169.254"] {
        let answer = post(format!("https://{host}:{port}/"), PATIENCE, false).await;
        assert_eq!(answer, Err(PostError::RefusedAddress), "{host}");
    }
}

#[test]
fn addresses_are_filtered_after_resolution() {
    let public: SocketAddr = "8.8.8.8:0".parse().unwrap();
    let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
    assert_eq!(filter(vec![private, public], false).unwrap(), [public]);
    assert_eq!(filter(vec![private, public], true).unwrap(), [private, public]);
    assert!(matches!(filter(vec![private], false), Err(ResolveProblem::Forbidden)));
    assert!(matches!(filter(vec![], true), Err(ResolveProblem::Failed(_))));
}

#[tokio::test]
async fn plain_http_needs_a_private_client() {
    let error = post("http://8.8.8.8/".to_owned(), PATIENCE, false).await.unwrap_err();
    assert!(matches!(error, PostError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn closed_port_means_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = post(format!("http://{address}/"), PATIENCE, true).await.unwrap_err();
    assert!(matches!(error, PostError::Connect { .. }) && !error.outcome_unknown(), "{error:?}");
}

#[tokio::test]
async fn silent_handshake_means_nothing_was_sent() {
    let address = rude_server(None).await;
    let error = post(format!("https://{address}/"), Duration::from_millis(200), true).await.unwrap_err();
    assert_eq!(error, PostError::Connect { reason: "it took too long".to_owned() });
}

#[tokio::test]
async fn server_without_tls_means_nothing_was_sent() {
    let address = rude_server(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    let error = post(format!("https://{address}/"), PATIENCE, true).await.unwrap_err();
    assert!(matches!(error, PostError::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn late_answer_leaves_the_outcome_unknown() {
    let address = server().await;
    let error = post(format!("http://{address}/slow"), Duration::from_secs(2), true).await.unwrap_err();
    assert_eq!(error, PostError::Timeout { milliseconds: 2_000 });
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn broken_answer_leaves_the_outcome_unknown() {
    for reply in [&b""[..], b"HTTP/1.1 2", b"nonsense\r\n\r\n"] {
        let address = rude_server(Some(reply)).await;
        let error = post(format!("http://{address}/"), PATIENCE, true).await.unwrap_err();
        assert!(matches!(error, PostError::Broken { .. }) && error.outcome_unknown(), "{error:?}");
    }
}

#[tokio::test]
async fn status_counts_although_the_body_breaks_off() {
    let address = rude_server(Some(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")).await;
    let response = post(format!("http://{address}/"), PATIENCE, true).await.unwrap();
    assert_eq!((response.status, response.body_start.as_str()), (200, "half"));
}

#[tokio::test]
async fn unknown_name_means_nothing_was_sent() {
    let error = post("https://no-such-host.invalid/".to_owned(), PATIENCE, false).await.unwrap_err();
    // Where no resolver answers at all, the call ends by its timeout.
    assert!(matches!(error, PostError::Resolve { .. } | PostError::Connect { .. }), "{error:?}");
}
