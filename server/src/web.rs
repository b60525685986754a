//! The page inside the binary: what is not the API is served from here.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::response::IntoResponse as _;
use colloquy_signalling::http::Problem;
use colloquy_signalling::{ErrorCode, Refusal};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "$COLLOQUY_WEB_DIST"]
struct Page;

/// Vite names the files in this folder by their content: they never change.
const HASHED: &str = "assets/";

/// Below this nothing is a page, and what is not there is an error in the form of the API.
const API: &str = "api";

/// What the page may do. `'unsafe-inline'` for styles only: the app sets them from code. `blob:` is for pictures, recordings
/// and workers that the page makes itself.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' ws: wss:; \
    worker-src 'self' blob:; manifest-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; \
    frame-ancestors 'self'";

const SECURITY: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), fullscreen=(self), \
         screen-wake-lock=(self), geolocation=(), usb=(), serial=(), payment=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Compressed files, by path and content. It cannot outgrow the page: only files that are in it get here.
type Compressed = Mutex<HashMap<(String, [u8; 32]), Arc<[u8]>>>;

/// Answers for the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Web {
    compressed: Arc<Compressed>,
}

impl Web {
    /// The answer to any request that no route of the API takes.
    pub(crate) fn answer(&self, request: &Request) -> Response<Body> {
        let path = request.uri().path().trim_start_matches('/');
        let first = path.split('/').next().unwrap_or_default();
        if first == API {
            return not_found_in_api(request.uri().path());
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "This is a page: GET it.\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match Page::get(path) {
            Some(file) if !path.is_empty() => self.file(request, path, &file),
            // A file that is gone, of an older build of the page: its name must not be answered with a page.
            _ if path.starts_with(HASHED) || path.ends_with(".map") => {
                plain(StatusCode::NOT_FOUND, "There is no such file.\n")
            }
            // Every other path is a place within the app, which reads it itself.
            _ => match Page::get("index.html") {
                Some(index) => self.file(request, "index.html", &index),
                None => plain(StatusCode::NOT_FOUND, "This server was built without its page.\n"),
            },
        }
    }

    fn file(&self, request: &Request, path: &str, file: &EmbeddedFile) -> Response<Body> {
        let hash = file.metadata.sha256_hash();
        let kind = file.metadata.mimetype();
        let gzip = is_text(kind) && accepts_gzip(request.headers());
        let etag = etag(&hash, gzip);
        let mut answer = Response::new(Body::empty());
        let headers = answer.headers_mut();
        for (name, value) in SECURITY {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::ETAG, ascii(&etag));
        if matches(request.headers(), &etag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            return answer;
        }
        let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
        headers.insert(header::CONTENT_TYPE, ascii(&kind));
        let body = if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.gzipped(path, hash, &file.data).to_vec()
        } else {
            file.data.to_vec()
        };
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if request.method() == Method::GET {
            *answer.body_mut() = Body::from(body);
        }
        answer
    }

    fn gzipped(&self, path: &str, hash: [u8; 32], plain: &[u8]) -> Arc<[u8]> {
        let mut compressed = self.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = compressed.entry((path.to_owned(), hash));
        Arc::clone(entry.or_insert_with(|| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(plain).and_then(|()| encoder.finish()).expect("writing to memory does not fail").into()
        }))
    }
}

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/wasm" | "image/svg+xml")
        || kind.ends_with("javascript")
        || kind.ends_with("+json")
}

/// Compressed and plain bytes differ, so their tags do too (RFC 9110 section 8.8.3).
fn etag(hash: &[u8; 32], gzip: bool) -> String {
    let hex: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}{}\"", if gzip { "-gz" } else { "" })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|quality| matches!(quality, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let wanted = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    wanted
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("tags and types of files are ASCII")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn not_found_in_api(path: &str) -> Response<Body> {
    Problem::from(Refusal::new(ErrorCode::RequestNotFound, format!("There is nothing at {path}."))).into_response()
}
