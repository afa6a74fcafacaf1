//! As little of an HTTP client as a load needs: one connection that is kept, one request at a time.

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    authorization: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: &str, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let authorization =
            if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
        Ok(Self { stream, authorization, request: Vec::new(), answer: Vec::new() })
    }

    /// Sends a request and waits for its answer: the status and the body.
    ///
    /// # Errors
    /// When the connection breaks or what comes is no answer this client reads.
    pub async fn send(&mut self, method: &str, path: &str, key: &str, body: &str) -> Result<(u16, &str)> {
        let idempotency = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
        let head = format!(
            "{method} /api/storefront/v1{path} HTTP/1.1\r\nhost: load\r\n{}{idempotency}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.authorization,
            body.len()
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let (status, start, length) = loop {
            self.more().await?;
            if let Some(head) = read_head(&self.answer)? {
                break head;
            }
        };
        while self.answer.len() < start + length {
            self.more().await?;
        }
        let body = self.answer.get(start..start + length).unwrap_or_default();
        Ok((status, std::str::from_utf8(body).map_err(|_| wrong("the answer is not UTF-8"))?))
    }

    async fn more(&mut self) -> Result<()> {
        self.answer.reserve(16 << 10);
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The status, where the body starts and its length; `None` while the head is not complete.
fn read_head(answer: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default());
    let head = head.map_err(|_| wrong("the head is not UTF-8"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| wrong("no status"))?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    Ok(Some((status, end + 4, length.ok_or_else(|| wrong("no content-length"))?)))
}

#[cfg(test)]
mod tests {
    use super::read_head;

    #[test]
    fn heads_are_read_when_complete() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(read_head(answer).unwrap(), Some((201, 49, 2)));
        assert_eq!(read_head(&answer[..20]).unwrap(), None);
        assert!(read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
