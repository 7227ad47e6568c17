//! Detects the role of an EC2 instance with a short request to its metadata service, on EC2 only.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::credentials::non_empty;

/// The service answers within a millisecond or two. In a container that cannot reach it, it never does.
const TIMEOUT: Duration = Duration::from_millis(100);

const DEFAULT_ENDPOINT: &str = "http://169.254.169.254";

/// Facts about the machine that name EC2: the vendor of Nitro instances, the UUID of the older ones.
const HARDWARE: [(&str, &str); 2] = [("/sys/class/dmi/id/sys_vendor", "Amazon EC2"), ("/sys/hypervisor/uuid", "ec2")];

/// Returns true if this is an EC2 instance with a role. Elsewhere, sends nothing.
pub(super) fn exists(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let disabled = non_empty(&variable, "AWS_EC2_METADATA_DISABLED");
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    let endpoint = non_empty(&variable, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if endpoint.is_none() && !HARDWARE.into_iter().any(|(path, prefix)| is_on(path, prefix)) {
        return false;
    }
    let endpoint = endpoint.map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |url| url.to_string_lossy().into_owned());
    match has_role(&endpoint) {
        Ok(role) => role,
        Err(error) => {
            tracing::info!(endpoint, %error, "instance metadata not available");
            false
        }
    }
}

fn is_on(path: &str, prefix: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.starts_with(prefix))
}

/// Requests the name of the role, with version 2 of the protocol.
fn has_role(endpoint: &str) -> io::Result<bool> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "not an http:// URL");
    let host = endpoint.strip_prefix("http://").ok_or_else(invalid)?.trim_end_matches('/');
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { host.to_owned() } else { format!("{host}:80") };
    let address = address.to_socket_addrs()?.next().ok_or_else(invalid)?;
    let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
    let (status, token) = request(address, host, "PUT /latest/api/token", ttl)?;
    if status != 200 {
        return Ok(false);
    }
    let token = format!("X-aws-ec2-metadata-token: {}", token.trim());
    let (status, role) = request(address, host, "GET /latest/meta-data/iam/security-credentials/", &token)?;
    Ok(status == 200 && !role.trim().is_empty())
}

/// Sends a request and returns the status and the body of the response.
fn request(address: SocketAddr, host: &str, line: &str, header: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "{line} HTTP/1.0\r\nHost: {host}\r\n{header}\r\nContent-Length: 0\r\n\r\n")?;
    let mut response = String::new();
    stream.take(8 << 10).read_to_string(&mut response)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP response");
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).ok_or_else(invalid)?;
    Ok((status, body.to_owned()))
}
