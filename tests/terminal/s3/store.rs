//! The bucket `sets`, as another client sees it.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpStream;

use image::{ImageFormat, Rgb, RgbImage};

use crate::external_server::ExternalServer;

/// Neither server checks the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, \
                             Signature=none";

pub struct Store {
    address: String,
}

/// Returns a PNG file.
pub fn image() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(30, 40, Rgb([90, 120, 200])).write_to(&mut bytes, ImageFormat::Png).expect("an image");
    bytes.into_inner()
}

impl Store {
    pub fn of(server: &ExternalServer) -> Self {
        Self { address: server.url().trim_start_matches("http://").to_owned() }
    }

    /// Writes an object, or creates the bucket if the key is empty.
    pub fn put(&self, key: &str, headers: &[(&str, &str)], body: &[u8]) {
        let (status, _, body) = self.request("PUT", key, headers, body);
        assert_eq!(status, 200, "{key}: {}", String::from_utf8_lossy(&body));
    }

    /// Returns the headers and the content of an object as text.
    pub fn get(&self, key: &str) -> Option<(String, String)> {
        self.get_bytes(key).map(|(head, body)| (head, String::from_utf8(body).expect("UTF-8")))
    }

    pub fn get_bytes(&self, key: &str) -> Option<(String, Vec<u8>)> {
        let (status, head, body) = self.request("GET", key, &[], b"");
        (status == 200).then_some((head, body))
    }

    fn request(&self, method: &str, key: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let address = &self.address;
        let more: String = headers.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
        let request = format!(
            "{method} /sets/{key} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: {AUTHORIZATION}\r\n\
             {more}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(request.as_bytes()).and_then(|()| stream.write_all(body)).expect("a request");
        let mut response = Vec::new();
        stream.read_to_end(&mut response).expect("a response");
        let end = response.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let body = response.split_off(end + 4);
        let head = String::from_utf8_lossy(&response).to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, head, body)
    }
}
